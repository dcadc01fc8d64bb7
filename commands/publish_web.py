"""Put the built web app into the stack's bucket, and tell it where the API is.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to; `--bucket` is its output `WebBucket`,
`--api-url` its output `ApiUrl`. Build the app first: `npm ci && npm run build` in `web/`.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import sys
from pathlib import Path

from vitrine.platform.aws import client

BUILT = Path(__file__).parents[1] / "web" / "dist"
_FOR_EVER = "public, max-age=31536000, immutable"
_ALWAYS_ASKED = "no-cache"


def publish_web(bucket: str, api_url: str, shop_url: str | None) -> int:
    """Put all files; what they are named for goes first, so no page asks for a file that is not there yet."""
    files = sorted((path for path in BUILT.rglob("*") if path.is_file()), key=lambda path: path.name == "index.html")
    for path in files:
        _put(bucket, path.relative_to(BUILT).as_posix(), path.read_bytes())
    _put(bucket, "config.json", json.dumps({"api_url": api_url, "shop_url": shop_url}).encode())
    return len(files) + 1


def _put(bucket: str, key: str, content: bytes) -> None:
    client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=mimetypes.guess_type(key)[0] or "application/octet-stream",
        CacheControl=_FOR_EVER if key.startswith("assets/") else _ALWAYS_ASKED,
    )


def main() -> int:
    """Run the command; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m commands.publish_web", description=__doc__)
    parser.add_argument("--bucket", required=True, help="the stack's output WebBucket")
    parser.add_argument("--api-url", required=True, help="the stack's output ApiUrl")
    parser.add_argument("--shop-url", help="the address of a shop that the app links to")
    options = parser.parse_args()
    if not (BUILT / "index.html").exists():
        print("The app is not built. Run: cd web && npm ci && npm run build", file=sys.stderr)
        return 1
    print(f"{publish_web(options.bucket, options.api_url, options.shop_url)} files are in {options.bucket}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
