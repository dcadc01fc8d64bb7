"""`make down`: stop the local cloud. What it held is gone."""

from __future__ import annotations

from local import emulator
from local.state import STACK_FILE


def main() -> None:
    """Stop the emulator and take back what told of it."""
    emulator.stop()
    STACK_FILE.unlink(missing_ok=True)
    print("The local cloud is down.")


if __name__ == "__main__":
    main()
