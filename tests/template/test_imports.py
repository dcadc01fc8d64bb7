"""What imports rely on in the template."""

from __future__ import annotations

from functions.import_worker.handler import MOST_DELIVERIES
from tests.aws import resources


def test_the_worker_gives_up_at_the_last_delivery_and_a_message_comes_back_after_its_workers_lease() -> None:
    queue = resources("AWS::SQS::Queue")["ImportsQueue"]
    worker = resources("AWS::Serverless::Function")["ImportWorkerFunction"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == MOST_DELIVERIES
    assert queue["VisibilityTimeout"] >= worker["Timeout"] + 30
    mapping = resources("AWS::Lambda::EventSourceMapping")["ImportWorkerFunctionUploads"]
    assert mapping["BatchSize"] == 1
