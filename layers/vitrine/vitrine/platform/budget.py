"""A limit on the work that untrusted data may cause."""

from __future__ import annotations

import time


class BudgetSpentError(Exception):
    """The data takes more steps or processor time than allowed."""


class Budget:
    """Steps and seconds of processor time, for the thread that creates it.

    A reader spends a step for each read and each part that it looks at, so that no loop over the data exceeds the
    budget. Processor time is checked at each step, since some steps take longer than others.
    """

    def __init__(self, steps: int, processor_seconds: float) -> None:
        self._steps_left = steps
        self._until = time.thread_time() + processor_seconds

    def spend(self, steps: int = 1) -> None:
        """Spend steps before taking them. Raises BudgetSpentError beyond the budget, and on each later call."""
        self._steps_left -= steps
        if self._steps_left < 0 or time.thread_time() > self._until:
            self._steps_left = -1
            raise BudgetSpentError
