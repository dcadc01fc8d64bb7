"""Limits the work that data from strangers may cause."""

from __future__ import annotations

import time


class BudgetSpentError(Exception):
    """The data takes more steps or processor time than it may."""


class Budget:
    """Steps and seconds of processor time, for the thread that creates it.

    Whatever reads the data spends a step per read and per part it looks at, so that no loop over the data can go
    on beyond the budget. Processor time is checked at each step, for steps that take longer than others.
    """

    def __init__(self, steps: int, processor_seconds: float) -> None:
        self._steps_left = steps
        self._until = time.thread_time() + processor_seconds

    def spend(self, steps: int = 1) -> None:
        """Pay for steps in advance. Raises BudgetSpentError, and again on each later call."""
        self._steps_left -= steps
        if self._steps_left < 0 or time.thread_time() > self._until:
            self._steps_left = -1
            raise BudgetSpentError
