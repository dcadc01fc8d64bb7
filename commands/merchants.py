"""Make merchants and keys, list, roll and revoke keys, roll the identity secret; export a merchant's data, remove it.

Works where `AWS_ENDPOINT_URL` and the credentials point to, on the stack of `--stack`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import timedelta
from pathlib import Path

from commands import merchant_data
from vitrine.access.dynamodb import DynamoDBAccess
from vitrine.access.manage_keys import create_key, create_merchant, find_key, revoke_key, roll_identity_secret, roll_key
from vitrine.access.model import LONGEST_OVERLAP, LONGEST_TOKEN_LIFE, ROLES
from vitrine.access.wiring import random_text
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import DEFAULT_GALLERY, GalleryKey, new_gallery
from vitrine.platform.aws import client
from vitrine.platform.ids import ID_RULE, is_id
from vitrine.platform.problems import ServiceError
from vitrine.platform.times import to_rfc3339, utc_now

_REQUESTS_PER_MINUTE = 60_000
_PAUSE_SECONDS = 90


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.stack:
        merchant_data.use_stack(options.stack)
    options.access_table = options.access_table or os.environ.get("ACCESS_TABLE")
    options.galleries_table = options.galleries_table or os.environ.get("GALLERIES_TABLE")
    if options.command == "off-board" and options.confirm != options.merchant_id:
        parser.error("--confirm must repeat the merchant's id: all data of the merchant goes, for ever")
    if not options.access_table or (options.command == "create" and not options.galleries_table):
        parser.error("say where: --stack, or --access-table and for create --galleries-table")
    store = DynamoDBAccess(client("dynamodb"), options.access_table)
    try:
        if options.command in {"export", "off-board"}:
            _run_on_data(options)
        else:
            _run(options, store)
    except ServiceError as error:
        print(error.detail, file=sys.stderr)
        return 1
    except merchant_data.DataLeft:
        print(
            "Data of the merchant still arrives. Wait until its queues are empty and run this again.", file=sys.stderr
        )
        return 1
    return 0


def _run(options: argparse.Namespace, repository: DynamoDBAccess) -> None:
    now = utc_now()
    match options.command:
        case "create":
            galleries = DynamoDBGalleries(client("dynamodb"), options.galleries_table, "")
            galleries.put_gallery(new_gallery(GalleryKey(options.merchant_id, DEFAULT_GALLERY), now))
            merchant = create_merchant(repository, options.merchant_id, options.name, now=now, random_text=random_text)
            for kind in ("publishable", "secret"):
                made = create_key(
                    repository,
                    options.merchant_id,
                    kind,
                    options.requests_per_minute,
                    now=now,
                    random_text=random_text,
                )
                print(f"{kind}_key={made.text}")
            print(f"identity_secret={merchant.identity_secrets[0].text}")
        case "create-key":
            made = create_key(
                repository,
                options.merchant_id,
                options.role,
                options.requests_per_minute,
                now=now,
                random_text=random_text,
                label=options.label,
                origins=options.origin,
                reviewer=options.reviewer,
            )
            print(f"{options.role}_key={made.text}")
        case "list-keys":
            for key in repository.list_keys(options.merchant_id):
                state = f"revoked {to_rfc3339(key.revoked_at)}" if key.revoked_at else "active"
                used = f"used {to_rfc3339(key.last_used_at)}" if key.last_used_at else "never used"
                line = f"{key.key_id}  {key.role:<11}  {key.requests_per_minute:>7}/min  {state}  {used}  {key.label}"
                print(line.rstrip())
        case "roll-key":
            overlap = timedelta(seconds=options.overlap_seconds)
            key = find_key(repository, options.merchant_id, options.key_id)
            made = roll_key(repository, key, overlap, now=now, random_text=random_text)
            print(f"{made.key.role}_key={made.text}")
        case "revoke-key":
            revoke_key(repository, options.merchant_id, options.key_id, now=now)
            print("revoked; it stops working within 5 seconds, for a publishable key's reads within KeyCacheSeconds")
        case "roll-identity-secret":
            overlap = timedelta(seconds=options.overlap_seconds)
            secret = roll_identity_secret(repository, options.merchant_id, overlap, now=now, random_text=random_text)
            print(f"identity_secret={secret}")


def _run_on_data(options: argparse.Namespace) -> None:
    if options.command == "off-board":
        merchant_data.off_board(options.merchant_id, options.pause_seconds, print)
        return
    for name, lines in merchant_data.export(options.merchant_id, options.folder).items():
        print(f"{lines:>10,}  {name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.merchants", description=__doc__)
    parser.add_argument("--stack", help="the stack's name; its tables and buckets are found by it")
    parser.add_argument("--access-table", help="the stack's output AccessTable, where no --stack is given")
    parser.add_argument("--galleries-table", help="the stack's output GalleriesTable, where no --stack is given")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser(
        "create", help="create a merchant, its gallery `default`, a key of each kind, and its identity secret"
    )
    create_one = commands.add_parser("create-key", help="create another key")
    list_keys = commands.add_parser("list-keys", help="list a merchant's keys")
    revoke = commands.add_parser("revoke-key", help="revoke a key")
    roll_one = commands.add_parser("roll-key", help="give a key a successor that may do the same")
    roll = commands.add_parser("roll-identity-secret", help="make a new secret to sign user tokens with")
    export = commands.add_parser("export", help="write all data of a merchant into a folder")
    off_board = commands.add_parser("off-board", help="remove a merchant: its keys and all its data, for ever")
    for command in (create, create_one, list_keys, revoke, roll_one, roll, export, off_board):
        command.add_argument("merchant_id", type=_identifier)
    create.add_argument("--name", default="")
    create_one.add_argument("role", choices=ROLES)
    create_one.add_argument("--label", default="", help="what the key is for")
    create_one.add_argument("--origin", action="append", default=[], help="a web origin that may use a publishable key")
    create_one.add_argument("--reviewer", help="the name under which a reviewer's key acts")
    for command in (create, create_one):
        command.add_argument("--requests-per-minute", type=_amount, default=_REQUESTS_PER_MINUTE)
    for command in (revoke, roll_one):
        command.add_argument("key_id")
    export.add_argument("folder", type=Path)
    off_board.add_argument("--confirm", required=True, help="the merchant's id once more")
    off_board.add_argument(
        "--pause-seconds",
        type=_amount,
        default=_PAUSE_SECONDS,
        help="between passes: at least KeyCacheSeconds, so that nobody still writes",
    )
    roll_one.add_argument(
        "--overlap-seconds", type=_key_overlap, default=0, help="how long the old key stays valid, at most a week"
    )
    roll.add_argument(
        "--overlap-seconds",
        type=_overlap,
        default=int(LONGEST_TOKEN_LIFE.total_seconds()),
        help="how long tokens of the earlier secret stay valid: 0 if it leaked; a day, the life of tokens, by default",
    )
    return parser


def _identifier(text: str) -> str:
    if not is_id(text):
        raise argparse.ArgumentTypeError(ID_RULE)
    return text


def _amount(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        message = "must be a number from 1 to 999999999"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _overlap(text: str, longest: timedelta = LONGEST_TOKEN_LIFE) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) > longest.total_seconds():
        message = f"must be a number of seconds from 0 to {longest.total_seconds():.0f}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _key_overlap(text: str) -> int:
    return _overlap(text, LONGEST_OVERLAP)


if __name__ == "__main__":
    sys.exit(main())
