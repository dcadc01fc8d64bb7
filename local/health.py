"""Whether the local cloud is up and serves the product: the container's health check."""

from __future__ import annotations

import sys

import urllib3

from local.state import find_stack

_OK = 200


def main() -> None:
    """Exit with 0 if the API responds, otherwise with 1 and a message."""
    stack = find_stack()
    if stack is None:
        sys.exit("Not up yet.")
    try:
        status = urllib3.request("GET", f"{stack.api_url}/health", timeout=4, retries=False).status
    except urllib3.exceptions.HTTPError as error:
        sys.exit(f"The API does not respond: {error}")
    if status != _OK:
        sys.exit(f"The API responded with status {status}.")


if __name__ == "__main__":
    main()
