"""`make logs`: follow the functions' logs."""

from __future__ import annotations

import os
import sys

from local.state import STACK_NAME, aws_environment, find_stack


def main() -> None:
    """Replace this process by `sam logs`."""
    stack = find_stack()
    if stack is None:
        sys.exit("The local cloud is not up. Run: make up")
    environment = aws_environment(stack.endpoint_url)
    os.execvpe("sam", ["sam", "logs", "--stack-name", STACK_NAME, "--tail"], environment)  # noqa: S606


if __name__ == "__main__":
    main()
