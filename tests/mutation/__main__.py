"""Runs a seeded sample of the mutants, each in a process of its own with its room's tests.

Nothing is written into the tree: the process imports the changed module from memory. The first test that fails ends
the process, and so does a limit of time. Times are of the processor, so that a busy machine changes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.mutation.guards import PACKAGE, ROOMS
from tests.mutation.mutants import Mutant, all_mutants

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

DOCUMENT = PACKAGE.parents[2] / "docs/testing.md"
PYTEST_OPTIONS = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
LIMIT_SECONDS = 180  # of the processor
LIMIT_WAITING_SECONDS = 1800
OUTCOMES = ("killed", "survived", "equivalent")
SHARED_IMPORTS = ("aws_lambda_powertools", "boto3", "moto.dynamodb", "moto.s3", "moto.sqs", "PIL.Image", "pydantic")


class _MutantLoader(SourceFileLoader):
    def __init__(self, mutant: Mutant) -> None:
        name = "vitrine." + mutant.path.removesuffix(".py").replace("/", ".")
        super().__init__(name, str(PACKAGE / mutant.path))
        self._mutant = mutant

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutant.module(), self.path, "exec")


def killed_by(tests: Sequence[str], mutant: Mutant | None) -> tuple[str | None, float]:
    """Which of the tests fails first, or runs into a limit; and after how many seconds of the processor.

    Each runs in a process of its own, so that what slow ones import is paid for only where fast ones pass.
    """
    seconds = 0.0
    for test in tests:
        code, used = _run(test, mutant)
        seconds += used
        if code in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED} or code < 0:
            return test, seconds
        if code:
            raise RuntimeError(f"pytest ended with {code} at {test}.")
    return None, seconds


def _run(test: str, mutant: Mutant | None) -> tuple[int, float]:
    """The exit code, negative where a limit was met, and seconds of the processor."""
    waited, child = time.monotonic(), os.fork()
    if child == 0:
        _run_in_child(test, mutant)
    ended = 0
    try:
        while not ended and time.monotonic() - waited < LIMIT_WAITING_SECONDS:
            ended, status, used = os.wait4(child, os.WNOHANG)
            time.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):  # what the tests started and did not stop
            os.killpg(child, signal.SIGKILL)
    if not ended:
        _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def _run_in_child(test: str, mutant: Mutant | None) -> None:
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS))
        if mutant:
            sys.meta_path.insert(0, _MutantLoader(mutant))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = int(pytest.main([*PYTEST_OPTIONS, test]))
    finally:
        os._exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--mutants", type=int, default=60, help="how many; 0 takes all")
    parser.add_argument("--only", default="", help="those whose name contains this")
    parser.add_argument("--list", action="store_true", help="name them and run nothing")
    arguments = parser.parse_args()

    mutants = [mutant for mutant in all_mutants() if arguments.only in mutant.name]
    sample = random.Random(arguments.seed).sample(mutants, min(arguments.mutants or len(mutants), len(mutants)))
    if arguments.list:
        print(*(mutant.name for mutant in sample), sep="\n")
        return 0
    equivalent = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    for name in SHARED_IMPORTS:
        importlib.import_module(name)
    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("mutants")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    counts: Counter[tuple[str, str]] = Counter()
    sound: set[str] = set()
    for mutant in sample:
        is_listed = f"`{mutant.name}`" in equivalent
        killer, seconds = (None, 0.0) if is_listed else killed_by(ROOMS[mutant.room].tests, mutant)
        outcome = "killed" if killer else "equivalent" if is_listed else "survived"
        if killer and killer not in sound and killed_by([killer], None)[0]:
            sys.exit(f"{killer} fails without a mutant too.")
        sound |= {killer} if killer else set()
        counts.update([(mutant.room, outcome), ("all", outcome)])
        print(f"{outcome:>10} {seconds:5.1f} s  {mutant.name}", f"({killer})" * (outcome == "killed"), flush=True)

    print(f"\n| room | mutants | {' | '.join(OUTCOMES)} |\n|---|--:|--:|--:|--:|")
    for room in (*ROOMS, "all"):
        there = sum(room in {mutant.room, "all"} for mutant in mutants)
        print(f"| {room} | {there} |", *(f"{counts[room, outcome]} |" for outcome in OUTCOMES))
    print(f"\nseed {arguments.seed}: {counts['all', 'killed']} killed, {counts['all', 'survived']} survived")
    return int(counts["all", "survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
