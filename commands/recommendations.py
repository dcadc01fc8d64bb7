"""Build a merchant's recommendation model now, and watch it.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to; `--function` and `--table` are its outputs
`ModelsFunction` and `RecommendationsTable`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from vitrine.platform.aws import client
from vitrine.recommendations.build_model import STEPS
from vitrine.recommendations.dynamodb import DynamoDBBuilds

_LOOK_SECONDS = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.function or not options.table:
        parser.error("give --function and --table: outputs of the stack")
    response = client("lambda").invoke(  # type: ignore[call-overload]
        FunctionName=options.function, Payload=json.dumps({"merchant_id": options.merchant_id})
    )
    if "FunctionError" in response:
        print("The build did not start; see the function's log, then run the command again.", file=sys.stderr)
        return 1
    number = json.load(response["Payload"])[options.merchant_id]
    print(f"build {number} has started")
    if options.leave:
        return 0
    return _watch(DynamoDBBuilds(client("dynamodb"), options.table), options.merchant_id, number, options.most_seconds)


def _watch(builds: DynamoDBBuilds, merchant_id: str, number: int, most_seconds: int) -> int:
    deadline = time.monotonic() + most_seconds
    shown: list[str] = []
    while time.monotonic() < deadline:
        build = builds.find(merchant_id)
        followed = (
            build is not None
            and build.number != number
            and build.published is not None
            and build.published.number >= number
        )
        if build is None or (build.number != number and not followed):
            print("Another build has started, and this one was abandoned.", file=sys.stderr)
            return 1
        now = [
            f"{step} {sum(followed or f'{step}/{part}' in build.done for part in parts)}/{len(parts)}"
            for step, parts in STEPS.items()
        ]
        if now != shown:
            shown = now
            print(", ".join(shown), flush=True)
        if followed or build.status == "completed":
            print("The model is in use; shoppers' lists follow.")
            return 0
        time.sleep(_LOOK_SECONDS)
    print("The build is not done yet. Look at the failure queue ModelsFailures, or wait longer.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.recommendations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build a model and show the progress")
    build.add_argument("merchant_id")
    build.add_argument("--function", default=os.environ.get("MODELS_FUNCTION"), help="or MODELS_FUNCTION")
    build.add_argument("--table", default=os.environ.get("RECOMMENDATIONS_TABLE"), help="or RECOMMENDATIONS_TABLE")
    build.add_argument("--leave", action="store_true", help="do not wait for the end")
    build.add_argument("--most-seconds", type=int, default=3600, help="how long to wait for the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
