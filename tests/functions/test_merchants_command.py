"""The command that makes merchants and keys."""

from __future__ import annotations

import re

import pytest

from commands.merchants import main
from tests.gateway import Gateway
from vitrine.platform.aws import client

pytestmark = pytest.mark.usefixtures("cloud")

WHERE = ["--access-table", "AccessTable", "--galleries-table", "GalleriesTable"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*WHERE, *arguments]) == 0
    return capsys.readouterr().out


def key_in(text: str, kind: str) -> str:
    found = re.search(rf"^{kind}_key=(.+)$", text, re.MULTILINE)
    assert found
    return found[1]


def test_a_new_merchant_has_a_gallery_and_a_key_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    made = run(capsys, "create", "shop", "--name", "The Shop")
    gateway = Gateway()
    assert gateway.call("GET", "/galleries/default/images", key_in(made, "publishable")).status == 200
    assert gateway.call("GET", "/imports", key_in(made, "publishable")).status == 403
    assert gateway.call("GET", "/imports", key_in(made, "secret")).status == 200


def test_keys_are_added_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "create", "shop")
    text = key_in(run(capsys, "create-key", "shop", "secret", "--requests-per-minute", "7"), "secret")
    listed = run(capsys, "list-keys", "shop").splitlines()
    assert len(listed) == 3
    [line] = [line for line in listed if "7/min" in line and "60000" not in line]
    run(capsys, "revoke-key", "shop", line.split()[0])
    assert Gateway().call("GET", "/galleries", text).status == 401
    assert sum("revoked" in line for line in run(capsys, "list-keys", "shop").splitlines()) == 1


def test_a_key_of_any_role_is_made_and_rolled(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "create", "shop")
    run(capsys, "create-key", "shop", "reviewer", "--label", "Autumn team", "--reviewer", "ann")
    [line] = [line for line in run(capsys, "list-keys", "shop").splitlines() if "Autumn team" in line]
    assert "never used" in line
    text = key_in(run(capsys, "roll-key", "shop", line.split()[0]), "reviewer")
    statuses = [Gateway().call("GET", path, text).status for path in ("/review/stats", "/imports")]
    assert statuses == [200, 403]


def test_keys_stand_nowhere_in_clear(capsys: pytest.CaptureFixture[str]) -> None:
    made = run(capsys, "create", "shop")
    stored = str(client("dynamodb").scan(TableName="AccessTable")["Items"])
    for kind in ("publishable", "secret"):
        assert key_in(made, kind) not in stored


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "shop"],
        ["create-key", "nobody", "secret"],
        ["revoke-key", "shop", "key_of_nobody"],
        ["roll-key", "shop", "key_of_nobody"],
        ["create-key", "shop", "reviewer"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_cannot_be_done_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "create", "shop")
    assert main([*WHERE, *arguments]) == 1
    assert capsys.readouterr().err.strip()


@pytest.mark.parametrize("arguments", [["create", "a/b"], ["create", ""], ["create-key", "shop", "root"]], ids=str)
def test_nonsense_is_refused_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*WHERE, *arguments])
    assert "usage" in capsys.readouterr().err
