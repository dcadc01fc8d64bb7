"""`make down`: stop the local cloud and delete its data."""

from __future__ import annotations

from local import emulator
from local.state import STACK_FILE


def main() -> None:
    """Stop the emulator and remove the file that describes it."""
    emulator.stop()
    STACK_FILE.unlink(missing_ok=True)
    print("The local cloud is down.")


if __name__ == "__main__":
    main()
