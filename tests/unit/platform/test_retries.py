from __future__ import annotations

import pytest

from vitrine.platform.problems import Unavailable
from vitrine.platform.retries import Superseded, retry


class Race:
    """An attempt that loses `losses` times."""

    def __init__(self, losses: int, error: Exception | None = None) -> None:
        self.losses, self.calls, self.error = losses, 0, error or Superseded()

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.losses:
            raise self.error
        return "written"


def test_a_lost_race_is_run_again_after_growing_pauses() -> None:
    pauses: list[float] = []
    race = Race(losses=5)
    assert retry(race, sleep=pauses.append) == "written"
    assert race.calls == 6
    assert all(pause <= 0.01 * 2**at for at, pause in enumerate(pauses))
    assert len(pauses) == 5


def test_after_the_last_attempt_the_caller_is_told_to_come_again() -> None:
    pauses: list[float] = []
    race = Race(losses=99)
    with pytest.raises(Unavailable, match="Others are changing this image"):
        retry(race, attempts=3, refusal="Others are changing this image.", sleep=pauses.append)
    assert (race.calls, len(pauses)) == (3, 2)


def test_another_error_is_raised_at_once() -> None:
    race = Race(losses=1, error=KeyError("gone"))
    with pytest.raises(KeyError):
        retry(race)
    assert race.calls == 1


def test_a_caller_may_name_what_it_lost_to() -> None:
    assert retry(Race(losses=1, error=KeyError("gone")), on=KeyError, sleep=lambda _: None) == "written"
