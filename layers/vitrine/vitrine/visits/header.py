"""Read parts of a picture's file within a budget."""

from __future__ import annotations

import io
import struct
from typing import IO, TYPE_CHECKING, Final

from vitrine.visits.model import UnmeasurableError

if TYPE_CHECKING:
    from vitrine.platform.budget import Budget

MOST_BYTES: Final = 16 * 1024 * 1024
LAST_OFFSET: Final = 2**48


def broken(detail: str) -> UnmeasurableError:
    """Return the error for a damaged header."""
    return UnmeasurableError("picture_broken", detail)


class Header:
    """A picture's file. Each read spends one step of the budget; loops over the data call `spend`.

    Metadata after the pixels is read only if the file has at most `near_bytes` bytes.
    """

    def __init__(self, file: IO[bytes], budget: Budget, near_bytes: float) -> None:
        self._file = file
        self._budget = budget
        self.near_bytes = near_bytes
        self.spend = budget.spend

    def up_to(self, at: int, count: int) -> bytes:
        """Return `count` bytes from the offset `at`, or fewer if the file ends there."""
        self.spend()
        if at > LAST_OFFSET:
            return b""
        self._file.seek(at)
        return self._file.read(min(count, MOST_BYTES))

    def exactly(self, at: int, count: int) -> bytes:
        """Return exactly `count` bytes from the offset `at`. Raises UnmeasurableError if the file ends before."""
        data = self.up_to(at, count)
        if len(data) < count:
            raise broken("The file ends within its header")
        return data

    def numbers(self, at: int, form: str) -> tuple[int, ...]:
        """Return integers in a format of `struct`. Raises UnmeasurableError if the file ends before."""
        return struct.unpack(form, self.exactly(at, struct.calcsize(form)))

    def size(self) -> int:
        """Return the length of the file."""
        self.spend()
        return self._file.seek(0, io.SEEK_END)

    def of(self, data: bytes) -> Header:
        """Return a header over unpacked data, with the same budget."""
        return Header(io.BytesIO(data), self._budget, self.near_bytes)
