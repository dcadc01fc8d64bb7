"""Make merchants and keys, list and revoke keys, roll the identity secret that signs user tokens.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to; `--table` is its output `AccessTable`.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys
from datetime import timedelta

from vitrine.access.dynamodb import DynamoDBAccess
from vitrine.access.manage_keys import create_key, create_merchant, revoke_key, roll_identity_secret
from vitrine.access.model import LONGEST_TOKEN_LIFE
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import DEFAULT_GALLERY, GalleryKey, new_gallery
from vitrine.platform.aws import client
from vitrine.platform.http import ID_PATTERN
from vitrine.platform.problems import ServiceError
from vitrine.platform.times import to_rfc3339, utc_now

_RANDOM_BYTES = 24
_REQUESTS_PER_MINUTE = 60_000


def main(arguments: list[str] | None = None) -> int:
    """Run one command; answers the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.access_table or (options.command == "create" and not options.galleries_table):
        parser.error("say where: --access-table, and for create --galleries-table, as the stack's outputs name them")
    store = DynamoDBAccess(client("dynamodb"), options.access_table)
    try:
        _run(options, store)
    except ServiceError as error:
        print(error.detail, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, store: DynamoDBAccess) -> None:
    now = utc_now()
    match options.command:
        case "create":
            galleries = DynamoDBGalleries(client("dynamodb"), options.galleries_table, "")
            galleries.put_gallery(new_gallery(GalleryKey(options.merchant_id, DEFAULT_GALLERY), now))
            merchant = create_merchant(store, options.merchant_id, options.name, now=now, random_text=_random_text)
            for kind in ("publishable", "secret"):
                made = create_key(
                    store,
                    options.merchant_id,
                    kind,
                    options.requests_per_minute,
                    now=now,
                    random_text=_random_text,
                )
                print(f"{kind}_key={made.text}")
            print(f"identity_secret={merchant.identity_secrets[0].text}")
        case "create-key":
            made = create_key(
                store,
                options.merchant_id,
                options.kind,
                options.requests_per_minute,
                now=now,
                random_text=_random_text,
            )
            print(f"{options.kind}_key={made.text}")
        case "list-keys":
            for key in store.list_keys(options.merchant_id):
                state = f"revoked {to_rfc3339(key.revoked_at)}" if key.revoked_at else "active"
                print(f"{key.key_id}  {key.kind:<11}  {key.requests_per_minute:>7}/min  {state}")
        case "revoke-key":
            revoke_key(store, options.merchant_id, options.key_id, now=now)
            print("revoked; the authorizer may remember the key for as long as KeyCacheSeconds")
        case "roll-identity-secret":
            overlap = timedelta(seconds=options.overlap_seconds)
            secret = roll_identity_secret(store, options.merchant_id, overlap, now=now, random_text=_random_text)
            print(f"identity_secret={secret}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.merchants", description=__doc__)
    parser.add_argument("--access-table", default=os.environ.get("ACCESS_TABLE"), help="the stack's output AccessTable")
    parser.add_argument(
        "--galleries-table", default=os.environ.get("GALLERIES_TABLE"), help="the stack's output GalleriesTable"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser(
        "create", help="make a merchant, its gallery `default`, a key of each kind, and its identity secret"
    )
    create_one = commands.add_parser("create-key", help="make one more key")
    list_keys = commands.add_parser("list-keys", help="list a merchant's keys")
    revoke = commands.add_parser("revoke-key", help="revoke a key")
    roll = commands.add_parser("roll-identity-secret", help="make a new secret to sign user tokens with")
    for command in (create, create_one, list_keys, revoke, roll):
        command.add_argument("merchant_id", type=_identifier)
    create.add_argument("--name", default="")
    create_one.add_argument("kind", choices=["publishable", "secret"])
    for command in (create, create_one):
        command.add_argument("--requests-per-minute", type=_amount, default=_REQUESTS_PER_MINUTE)
    revoke.add_argument("key_id")
    roll.add_argument(
        "--overlap-seconds",
        type=_overlap,
        default=int(LONGEST_TOKEN_LIFE.total_seconds()),
        help="how long tokens of the earlier secret still hold: 0 if it leaked, else as long as tokens live (a day)",
    )
    return parser


def _identifier(text: str) -> str:
    if not re.fullmatch(ID_PATTERN, text):
        message = "must be 1 to 128 letters, digits or . _ ~ : -"
        raise argparse.ArgumentTypeError(message)
    return text


def _amount(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        message = "must be a number from 1 to 999999999"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _overlap(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > LONGEST_TOKEN_LIFE.total_seconds():
        message = "must be a number of seconds from 0 to 86400"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _random_text() -> str:
    return secrets.token_urlsafe(_RANDOM_BYTES)


if __name__ == "__main__":
    sys.exit(main())
