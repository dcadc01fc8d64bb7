"""One start of a handler in milliseconds, warm requests of ours and the bare one in microseconds, or some requests.

See start.py.
"""

import importlib
import json
import statistics
import sys
import time

kind, scene, mode = sys.argv[1:]

EVENTS = {
    "galleries_api": ("GET", "/galleries/{gallery_id}/images", {"gallery_id": "summer"}, None),
    "events_api": (
        "POST",
        "/galleries/{gallery_id}/events",
        {"gallery_id": "summer"},
        json.dumps({"events": [{"event_id": "e1", "type": "view", "image_id": "image-1"}]}),
    ),
    "fallback_api": ("OPTIONS", "/{proxy+}", {"proxy": "galleries"}, None),
    "docs_api": ("GET", "/openapi.json", {}, None),
    "authorizer": ("GET", "/galleries", {}, None),
}
method, resource, path, body = EVENTS[scene]
event = {
    "httpMethod": method,
    "resource": resource,
    "path": resource.replace("{gallery_id}", "summer").replace("{proxy+}", "galleries"),
    "pathParameters": path,
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "headers": {
        "Content-Type": "application/json",
        "X-Api-Key": "pk_0123456789abcdef",
        "User-Agent": "Mozilla/5.0 Firefox/130.0",
    },
    "multiValueHeaders": {},
    "body": body,
    "isBase64Encoded": False,
    "methodArn": "arn:aws:execute-api:eu-west-1:000000000000:api/v1/GET/galleries",
    "requestContext": {
        "requestId": "r",
        "stage": "v1",
        "authorizer": {
            "merchant_id": "shop",
            "key_id": "key_1",
            "kind": "publishable",
            "merchant_secret": "secret",
            "requests_per_minute": "6000000",
        },
    },
}


def handler(kind):
    module = f"functions.{scene}.handler" if kind == "vitrine" else f"bench.start_peers.{kind}_{scene}"
    return importlib.import_module(module).lambda_handler


if mode == "start":
    started = time.perf_counter()
    response = handler(kind)(event, object())
    elapsed = time.perf_counter() - started
    assert response.get("statusCode", 200) < 300, response
    print(elapsed * 1000)
elif mode.isdecimal():
    for _ in range(int(mode)):
        response = handler(kind)(event, object())
    assert response.get("statusCode", 200) < 300, response
    print(0)
else:
    sys.stdout, shown = open("/dev/null", "w"), sys.stdout  # noqa: PTH123, SIM115 - log lines are part of the work
    handlers = [handler("vitrine"), handler("bare")]
    samples: list[list[float]] = [[], []]
    for _ in range(1000):
        for handle, taken in zip(handlers, samples, strict=True):
            started = time.perf_counter()
            handle(event, object())
            taken.append(time.perf_counter() - started)
    print(*(statistics.median(taken) * 1e6 for taken in samples), file=shown)
