"""`make logs`: follow the functions' logs."""

from __future__ import annotations

import os
import sys

from local.state import STACK_NAME, LocalCloudError, aws_environment, load_stack


def main() -> None:
    """Become `sam logs`."""
    try:
        environment = aws_environment(load_stack().endpoint_url)
    except LocalCloudError as error:
        sys.exit(str(error))
    os.execvpe("sam", ["sam", "logs", "--stack-name", STACK_NAME, "--tail"], environment)  # noqa: S606


if __name__ == "__main__":
    main()
