from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.loaders import Loader

from layers.vitrine.sdk_data import SERVICES, write_sdk_data

if TYPE_CHECKING:
    from pathlib import Path

CALLS = {"dynamodb": "list_tables", "s3": "list_buckets", "sqs": "list_queues"}


def test_there_is_a_call_for_each_service():
    assert sorted(CALLS) == sorted(SERVICES)


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("service", CALLS)
def test_the_sdk_works_on_the_part_of_its_data_that_the_layer_carries(service: str, tmp_path: Path):
    write_sdk_data(tmp_path)
    session = botocore.session.get_session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(tmp_path)], include_default_search_paths=False)
    )

    response = getattr(session.create_client(service), CALLS[service])()

    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
