"""The template's resources on moto: created once per process, and restored empty for each test."""

from __future__ import annotations

import copyreg
from copy import deepcopy
from threading import Condition
from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BackendDict

from tests import aws

# A queue has a condition, which cannot be copied; a copy of a queue gets its own.
copyreg.pickle(Condition, lambda _: (Condition, ()))

_created: tuple[dict[str, str], dict[tuple[Any, str, str], dict[str, Any]]] | None = None


def deploy() -> dict[str, str]:
    """Put the template's empty tables, queues and buckets into moto.

    Returns URLs of queues and names of buckets by logical id.
    """
    global _created  # noqa: PLW0603
    if _created is None:
        aws.create_tables()
        names = {**aws.create_queues(), **aws.create_buckets()}
        _created = names, {key: deepcopy(backend.__dict__) for key, backend in _backends()}
    names, states = _created
    for (service, account, region), state in states.items():
        get_backend(service)[account][region].__dict__.update(deepcopy(state))
    return names


def _backends() -> list[tuple[tuple[Any, str, str], Any]]:
    return [
        ((service.service_name, account, region), backend)
        for service in vars(BackendDict)["_instances"]
        for account, regions in service.items()
        for region, backend in regions.items()
    ]
