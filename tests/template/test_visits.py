"""What store visits rely on in the template."""

from __future__ import annotations

import pytest

from tests.aws import resources
from vitrine.visits.model import GROUP_IMAGES
from vitrine.visits.wiring import MEASURE_SECONDS, PICTURES_AT_ONCE

FUNCTIONS = resources("AWS::Serverless::Function")
QUEUES = resources("AWS::SQS::Queue")


@pytest.mark.parametrize(
    ("function", "queue"),
    [
        ("VisitPlansFunction", "VisitPlansQueue"),
        ("VisitGroupsFunction", "VisitGroupsQueue"),
        ("VisitLeftoversFunction", "VisitGroupsLeftovers"),
    ],
)
def test_throttled_work_comes_back_instead_of_ending_as_failed_pictures(function: str, queue: str) -> None:
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * FUNCTIONS[function]["Timeout"]
    assert QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"] >= 5


def test_a_batch_is_measured_within_its_function_s_time_and_each_picture_has_a_thread() -> None:
    assert FUNCTIONS["VisitGroupsFunction"]["Timeout"] >= MEASURE_SECONDS + 20
    mapping = resources("AWS::Lambda::EventSourceMapping")["VisitGroupsFunctionGroups"]
    assert mapping["BatchSize"] * GROUP_IMAGES <= PICTURES_AT_ONCE
