"""Checks of the product's dependencies."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, TypedDict

from vitrine.platform.telemetry import logger
from vitrine.platform.threads import run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Status = Literal["ok", "failed"]
_AT_ONCE = 16


class DependencyResponse(TypedDict):
    """One dependency, named after the environment variable that locates it."""

    name: str
    status: Status
    ms: float


def check_all(checks: Mapping[str, Callable[[], object]]) -> list[DependencyResponse]:
    """Run all checks in parallel; one that raises has failed, and the log says why."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return run_all(threads, _checked, checks.keys(), checks.values())


def _checked(name: str, check: Callable[[], object]) -> DependencyResponse:
    started = time.perf_counter()
    status: Status = "ok"
    try:
        check()
    except Exception:  # noqa: BLE001 - any error means that the dependency does not respond
        logger.exception("dependency failed", dependency=name)
        status = "failed"
    return {"name": name, "status": status, "ms": round((time.perf_counter() - started) * 1000, 2)}
