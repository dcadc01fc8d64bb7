"""`make up`: the product on this machine, with a merchant, keys and a filled gallery."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local import emulator as emulators
from local.deployment import api_url, deploy
from local.seed import (
    GALLERY,
    MERCHANT,
    demo_products,
    gallery_order,
    make_merchant,
    seed_gallery,
    seed_products,
)
from local.state import REGION, STACK_FILE, STACK_NAME, STATE, LocalCloudError, Stack, find_stack, save_stack, step
from local.web import serve_shop, serve_web
from vitrine.ranking.model import CLICK_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator


def bring_up(*, empty: bool, demo: bool) -> tuple[Stack, str, str]:
    """Start, deploy and fill what is missing; return the stack, and the addresses of the web app and the shop."""
    emulator = None if empty else emulators.running()
    if emulator:
        print(f"  emulator: running at {emulator.endpoint_url}")
    else:
        STACK_FILE.unlink(missing_ok=True)
        with step("start the emulator"):
            emulator = emulators.start()
    outputs = deploy(emulator)
    stack = find_stack()
    if stack is None:
        with step("create a merchant and two keys"):
            publishable_key, secret_key = make_merchant(emulator, outputs)
        stack = Stack(
            api_url=api_url(emulator),
            publishable_key=publishable_key,
            secret_key=secret_key,
            merchant_id=MERCHANT,
            uploads_bucket=outputs["UploadsBucket"],
            endpoint_url=emulator.endpoint_url,
            region=REGION,
            stack_name=STACK_NAME,
        )
        save_stack(stack)
    web_url = shop_url = ""
    try:
        shop_url = serve_shop(emulator, outputs["WebBucket"], stack, demo_products(stack, outputs))
        web_url = serve_web(emulator, outputs["WebBucket"], stack.api_url, shop_url)
    except LocalCloudError as error:
        print(f"\nThe web app or the shop is missing; everything else works. {error}\n")
    if demo:
        seed_gallery(stack, outputs["PicturesBucket"])
        seed_products(stack, outputs)
    return stack, web_url, shop_url


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m local.up", description=__doc__)
    parser.add_argument("--empty", action="store_true", help="start without earlier data")
    parser.add_argument("--no-demo", action="store_true", help="only a merchant and keys, without pictures")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        with _one_at_a_time():
            stack, web_url, shop_url = bring_up(empty=arguments.empty, demo=not arguments.no_demo)
    except LocalCloudError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Run make up to continue, or make down.")
    print_what_it_is(stack, web_url, shop_url, time.monotonic() - started)
    if not arguments.no_demo:
        print_what_to_try(stack)
        print_the_snippet(stack, shop_url)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalCloudError("Another make up of this checkout is running. Wait until it is done.") from error
        yield


def print_what_it_is(stack: Stack, web_url: str, shop_url: str, seconds: float) -> None:
    """Print the addresses and the keys."""
    in_a_browser = f"{web_url}#/gallery?key={stack.secret_key}" if web_url else "(the web app is missing, see above)"
    print(f"""
Vitrine is up after {seconds:.0f} s: {stack.api_url}
  publishable key  {stack.publishable_key}
  secret key       {stack.secret_key}
  all of it        {STACK_FILE}
  in a browser     {in_a_browser}
  the demo shop    {shop_url or "(the shop is missing, see above)"}
  its description  {stack.api_url}/docs""")


def print_what_to_try(stack: Stack) -> None:
    """Print three requests that change the gallery's order."""
    first, _, third = gallery_order(stack)[:3]
    clicks = (first.weight - third.weight) // CLICK_WEIGHT + 1
    events = ",".join(
        f'{{"event_id":"try-\'$RANDOM\'-{number}","session_id":"try-\'$RANDOM\'-{number}",'
        f'"type":"click","image_id":"{third.image_id}"}}'
        for number in range(clicks)
    )
    gallery = f"{stack.api_url}/galleries/{GALLERY}"
    key = f"-H 'X-Api-Key: {stack.publishable_key}'"
    print(f"""
See the first three, click on {third.name}, and see it come first:
  curl -s '{gallery}/images?limit=3' {key}
  curl -s '{gallery}/events' {key} -H 'Content-Type: application/json' -d '{{"events":[{events}]}}'
  curl -s '{gallery}/images?limit=3' {key}""")


def print_the_snippet(stack: Stack, shop_url: str) -> None:
    """Print the HTML that shows the gallery in any page."""
    script = f"{shop_url.rpartition('/')[0]}/dist/vitrine.js"
    print(f"""
Put the gallery into a page of yours:
  <script type="module" src="{script}"
    data-api="{stack.api_url}" data-key="{stack.publishable_key}"></script>
  <vitrine-gallery gallery="{GALLERY}"></vitrine-gallery>""")


if __name__ == "__main__":
    main()
