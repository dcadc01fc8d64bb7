"""The web app and the storefront script in the stack's bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from commands.publish_web import invalidate_files, publish_script, publish_web
from vitrine.platform.aws import client

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("cloud")

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """An app and a script as their builds leave them."""
    files = {
        "web/index.html": "<html>",
        "web/icon.svg": "<svg/>",
        "web/assets/app-1a2b.js": "app",
        "storefront/vitrine.js": "script",
        "storefront/manifest.json": json.dumps({"version": "1.2.3", "files": {"vitrine.js": {}}}),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def new_distribution() -> str:
    origin = {"Id": "web", "DomainName": "web.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    config = {
        "CallerReference": "test",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "web", "ViewerProtocolPolicy": "https-only"},
    }
    return str(client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"])


def test_what_keeps_its_name_is_asked_for_again_and_the_rest_is_kept_for_ever(built: Path) -> None:
    assert publish_web(built / "web", "webbucket", "https://edge.example/v1", None) == 4
    assert publish_script(built / "storefront", "webbucket") == 1
    objects = client("s3").list_objects_v2(Bucket="webbucket")["Contents"]
    stored = {entry["Key"]: client("s3").head_object(Bucket="webbucket", Key=entry["Key"]) for entry in objects}
    assert {key: head["CacheControl"] for key, head in stored.items()} == {
        "assets/app-1a2b.js": IMMUTABLE,
        "storefront/1.2.3/vitrine.js": IMMUTABLE,
        "config.json": "no-cache",
        "icon.svg": "no-cache",
        "index.html": "no-cache",
    }


def test_the_edge_forgets_what_keeps_its_name(built: Path) -> None:
    distribution = new_distribution()
    invalidate_files(built / "web", distribution)
    [made] = client("cloudfront").list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    told = client("cloudfront").get_invalidation(DistributionId=distribution, Id=made["Id"])
    paths = told["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]
    assert set(paths) == {"/", "/index.html", "/icon.svg", "/config.json"}


def test_a_script_that_is_not_built_is_left_out(tmp_path: Path) -> None:
    assert publish_script(tmp_path, "webbucket") == 0
