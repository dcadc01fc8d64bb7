"""Upload the built web app to the stack's bucket, with the API's address.

The storefront script goes to `storefront/<version>/` beside it, if it is built. With `--distribution` the edge drops
its cached pages.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to. Build the app first: `npm ci && npm run build`
in `web/`, and in `storefront/` for the script.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import sys
from pathlib import Path

from vitrine.platform.aws import client, invalidate

BUILT = Path(__file__).parents[1] / "web" / "dist"
SCRIPT = Path(__file__).parents[1] / "storefront" / "dist"
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATED = "no-cache"


def publish_web(built: Path, bucket: str, api_url: str, shop_url: str | None) -> int:
    """Upload all files, `index.html` last, so that it never names a file that is not there yet; return their number."""
    files = sorted((path for path in built.rglob("*") if path.is_file()), key=lambda path: path.name == "index.html")
    for path in files:
        key = path.relative_to(built).as_posix()
        _put(bucket, key, path.read_bytes(), _IMMUTABLE if key.startswith("assets/") else _REVALIDATED)
    _put(bucket, "config.json", json.dumps({"api_url": api_url, "shop_url": shop_url}).encode(), _REVALIDATED)
    return len(files) + 1


def publish_script(built: Path, bucket: str) -> int:
    """Upload the storefront script under its version, if it is built; return the number of files."""
    manifest = built / "manifest.json"
    if not manifest.exists():
        return 0
    script = json.loads(manifest.read_text())
    for name in script["files"]:
        _put(bucket, f"storefront/{script['version']}/{name}", (built / name).read_bytes(), _IMMUTABLE)
    return len(script["files"])


def invalidate_files(built: Path, distribution: str) -> None:
    """Drop from the edge's cache all files whose names stay when they change."""
    paths = ["/", *(f"/{path.name}" for path in built.iterdir() if path.is_file()), "/config.json"]
    invalidate(client("cloudfront"), distribution, paths)


def _put(bucket: str, key: str, content: bytes, caching: str) -> None:
    client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=mimetypes.guess_type(key)[0] or "application/octet-stream",
        CacheControl=caching,
    )


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m commands.publish_web", description=__doc__)
    parser.add_argument("--bucket", required=True, help="the stack's output WebBucket")
    parser.add_argument("--api-url", required=True, help="the API's address: EdgeUrl with /v1, or ApiUrl")
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
        invalidate_files(BUILT, options.distribution)
        print(f"{options.distribution} has dropped its cached pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
