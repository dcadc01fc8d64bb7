"""Put the built web app into the stack's bucket, and tell it where the API is.

The storefront script goes beside the app, to `storefront/<version>/`, if it is built. With `--distribution` the edge
forgets the pages that it has.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to. Build the app first: `npm ci && npm run build`
in `web/`, and in `storefront/` for the script.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import sys
from pathlib import Path
from uuid import uuid4

from vitrine.platform.aws import client

BUILT = Path(__file__).parents[1] / "web" / "dist"
SCRIPT = Path(__file__).parents[1] / "storefront" / "dist"
_FOR_EVER = "public, max-age=31536000, immutable"
_ALWAYS_ASKED = "no-cache"


def publish_web(built: Path, bucket: str, api_url: str, shop_url: str | None) -> int:
    """Put all files; what they are named for goes first, so no page asks for a file that is not there yet."""
    files = sorted((path for path in built.rglob("*") if path.is_file()), key=lambda path: path.name == "index.html")
    for path in files:
        key = path.relative_to(built).as_posix()
        _put(bucket, key, path.read_bytes(), _FOR_EVER if key.startswith("assets/") else _ALWAYS_ASKED)
    _put(bucket, "config.json", json.dumps({"api_url": api_url, "shop_url": shop_url}).encode(), _ALWAYS_ASKED)
    return len(files) + 1


def publish_script(built: Path, bucket: str) -> int:
    """Put the storefront script under its version; nothing where it is not built."""
    manifest = built / "manifest.json"
    if not manifest.exists():
        return 0
    told = json.loads(manifest.read_text())
    for name in told["files"]:
        _put(bucket, f"storefront/{told['version']}/{name}", (built / name).read_bytes(), _FOR_EVER)
    return len(told["files"])


def invalidate(built: Path, distribution: str) -> None:
    """Let the edge forget all that may change under its name."""
    paths = ["/", *(f"/{path.name}" for path in built.iterdir() if path.is_file()), "/config.json"]
    client("cloudfront").create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": uuid4().hex},
    )


def _put(bucket: str, key: str, content: bytes, caching: str) -> None:
    client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=mimetypes.guess_type(key)[0] or "application/octet-stream",
        CacheControl=caching,
    )


def main() -> int:
    """Run the command; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m commands.publish_web", description=__doc__)
    parser.add_argument("--bucket", required=True, help="the stack's output WebBucket")
    parser.add_argument("--api-url", required=True, help="where pages find the API: EdgeUrl with /v1, or ApiUrl")
    parser.add_argument("--shop-url", help="the address of a shop that the app links to")
    parser.add_argument("--distribution", help="the stack's output EdgeDistribution")
    options = parser.parse_args()
    if not (BUILT / "index.html").exists():
        print("The app is not built. Run: cd web && npm ci && npm run build", file=sys.stderr)
        return 1
    count = publish_web(BUILT, options.bucket, options.api_url, options.shop_url)
    count += publish_script(SCRIPT, options.bucket)
    print(f"{count} files are in {options.bucket}")
    if options.distribution:
        invalidate(BUILT, options.distribution)
        print(f"{options.distribution} asks for its pages again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
