"""CloudFront's stand-in: Varnish, configured from the distribution and the policies of the translated template.

What it takes from there: which behaviour a path has, its methods, the cache's key, the least, default and longest time,
the origins with their paths and headers, where an origin group goes on, and the response headers. What CloudFront does
by itself is written here: `s-maxage`, `stale-while-revalidate`, `stale-if-error`, one request to the origin for many
readers of a page, and no use of `Vary`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from vitrine.platform.aws import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
_MANAGED = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": {
        "MinTTL": 1,
        "DefaultTTL": 86400,
        "MaxTTL": 31536000,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "HeadersConfig": {"HeaderBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
        },
    }
}
_READING = ["GET", "HEAD"]
_START_SECONDS = 30
_LONGEST_STALE = "7d"


class Origin(NamedTuple):
    """Where an origin is here. `stage` is the part of its paths that it does not have here."""

    port: int
    stage: str = ""


class Edge:
    """A running edge in front of these origins, by the ids that the distribution gives them."""

    def __init__(self, resources: Mapping[str, dict[str, Any]], origins: Mapping[str, Origin]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edge-")
        program = Path(self._folder.name) / "edge.vcl"
        program.write_text(program_of(resources, origins))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        varnish = shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/usr/bin")
        if varnish is None:
            message = "Varnish is missing: the tests of the edge need it (Debian: apt install varnish)"
            raise RuntimeError(message)
        self._log = (Path(self._folder.name) / "log").open("w+")
        self._process = subprocess.Popen(
            [
                *(varnish, "-F", "-j", "none", "-n", f"{self._folder.name}/work", "-f", str(program)),
                *("-a", f"127.0.0.1:{self.port}", "-s", "malloc,64m", "-t", "0"),
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
        self._folder.cleanup()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self._log.seek(0)
        message = f"Varnish does not start: {self._log.read()}"
        self.close()
        raise RuntimeError(message)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class Served:
    """An application on a port, which counts requests, keeps their headers and can fail."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.failing = False
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._serve, _Server, _Silent)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
            self.requests[f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{query}"] += 1
            self.headers = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
        if self.failing:
            start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
            return [b"down"]
        return self.application(environ, start_response)


def bucket(variable: str) -> Callable[..., Iterable[bytes]]:
    """S3 as the edge meets it: 403 for what is not there."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            found = client("s3").get_object(Bucket=os.environ[variable], Key=environ["PATH_INFO"][1:])
        except client("s3").exceptions.ClientError:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error/>"]
        headers = [("Content-Type", found["ContentType"]), ("ETag", found["ETag"])]
        if found.get("CacheControl"):
            headers.append(("Cache-Control", found["CacheControl"]))
        start_response("200 OK", headers)
        return [found["Body"].read()]

    return serve


def program_of(resources: Mapping[str, dict[str, Any]], origins: Mapping[str, Origin]) -> str:
    """The program that Varnish runs, in its language."""
    config = resources["EdgeDistribution"]["Properties"]["DistributionConfig"]
    described = {origin["Id"]: origin for origin in config["Origins"]}
    groups = {
        group["Id"]: (
            [member["OriginId"] for member in group["Members"]["Items"]],
            group["FailoverCriteria"]["StatusCodes"],
        )
        for group in config["OriginGroups"]["Items"]
    }
    behaviors = [*config["CacheBehaviors"], {"PathPattern": "*", **config["DefaultCacheBehavior"]}]
    chosen, hashed, fetched, kept, delivered = [], [], [], [], []
    for number, behavior in enumerate(behaviors):
        is_this = f'req.http.x-behavior == "{number}"'
        of_fetch = is_this.replace("req.", "bereq.")
        chosen.append((f'req.url ~ "{_pattern(behavior["PathPattern"])}"', f'set req.http.x-behavior = "{number}";'))
        policy = _policy(resources, behavior, "Cache")
        hashed.append((is_this, _key(policy["ParametersInCacheKeyAndForwardedToOrigin"])))
        members, status = groups.get(behavior["TargetOriginId"], ([behavior["TargetOriginId"]], {"Items": []}))
        fetched.append(
            (of_fetch, _fetch([(origin_id, described[origin_id], origins[origin_id]) for origin_id in members]))
        )
        kept.append((of_fetch, _keep(policy, status["Items"] if len(members) > 1 else [])))
        delivered.append((is_this, _headers(_policy(resources, behavior, "ResponseHeaders"))))
        allowed = "|".join(behavior.get("AllowedMethods", _READING))
        chosen[-1] = (
            chosen[-1][0],
            f'{chosen[-1][1]} if (req.method !~ "^({allowed})$") {{ return (synth(403)); }}',
        )
    backends = "\n".join(
        f'backend {_name(origin_id)} {{ .host = "127.0.0.1"; .port = "{origin.port}"; .connect_timeout = 2s; '
        f".first_byte_timeout = 30s; }}"
        for origin_id, origin in origins.items()
    )
    root = f'if (req.url ~ "^/([?]|$)") {{ set req.url = "/{config["DefaultRootObject"]}"; }}'
    return _PROGRAM.format(
        backends=backends,
        root=root,
        chosen=_cases(chosen),
        hashed=_cases(hashed),
        fetched=_cases(fetched),
        kept=_cases(kept),
        delivered=_cases(delivered),
        longest_stale=_LONGEST_STALE,
    )


_PROGRAM = """
vcl 4.1;
import std;
{backends}

sub vcl_recv {{
  if (req.restarts == 0) {{
    unset req.http.x-fresh;
    unset req.http.x-reads;
    unset req.http.x-origin-failed;
    unset req.http.cookie;
    set req.http.cloudfront-viewer-address = client.ip + ":" + std.port(client.ip);
    {root}
    {chosen}
  }}
  if (req.http.x-origin-failed) {{ set req.grace = {longest_stale}; }}
  elsif (req.http.x-fresh) {{ set req.grace = 0s; }}
  if (req.method != "GET" && req.method != "HEAD") {{ return (pass); }}
  set req.http.x-reads = "1";
  return (hash);
}}

sub vcl_hash {{
  hash_data(regsub(req.url, "[?].*", ""));
  set req.http.x-query = "&" + regsub(req.url, "^[^?]*[?]?", "");
  {hashed}
  unset req.http.x-query;
  return (lookup);
}}

sub vcl_hit {{
  if (obj.ttl > 0s || req.http.x-origin-failed || obj.ttl + std.duration(obj.http.x-renewed-within, 0s) > 0s) {{
    return (deliver);
  }}
  set req.http.x-fresh = "1";
  return (restart);
}}

sub vcl_backend_fetch {{
  unset bereq.http.accept;
  unset bereq.http.accept-language;
  unset bereq.http.authorization;
  unset bereq.http.referer;
  if (bereq.retries == 0) {{ set bereq.http.x-asked = bereq.url; }}
  {fetched}
  return (fetch);
}}

sub vcl_backend_response {{
  {kept}
  set beresp.grace = 0s;
  if (beresp.status >= 400 && !beresp.http.cache-control) {{ set beresp.ttl = 0s; }}
  if (beresp.ttl > 0s && beresp.http.cache-control ~ "stale-while-revalidate=[0-9]+") {{
    set beresp.http.x-renewed-within =
      regsub(beresp.http.cache-control, ".*stale-while-revalidate=([0-9]+).*", "\\1s");
    set beresp.grace = std.duration(beresp.http.x-renewed-within, 0s);
  }}
  if (beresp.ttl > 0s && beresp.http.cache-control ~ "stale-if-error=[0-9]+") {{
    set beresp.grace = std.duration(regsub(beresp.http.cache-control, ".*stale-if-error=([0-9]+).*", "\\1s"), 0s);
  }}
  set beresp.http.x-vary = beresp.http.vary;
  unset beresp.http.vary;
  if (beresp.http.content-type ~ "json|text|javascript") {{ set beresp.do_gzip = true; }}
  if (beresp.status >= 500) {{
    call keep_what_is_there;
    set beresp.ttl = 0s;
    set beresp.grace = 0s;
  }}
  if (beresp.ttl > 0s) {{ set beresp.keep = 10m; }} else {{ set beresp.keep = 0s; }}
  return (deliver);
}}

sub keep_what_is_there {{
  # A response that is delivered takes the place of the older one.
  if (bereq.is_bgfetch || (bereq.http.x-reads && !bereq.http.x-origin-failed)) {{ return (abandon); }}
}}

sub vcl_synth {{
  if (resp.status == 503 && req.http.x-reads && !req.http.x-origin-failed) {{
    set req.http.x-origin-failed = "1";
    return (restart);
  }}
}}

sub vcl_backend_error {{
  call keep_what_is_there;
  set beresp.ttl = 0s;
  set beresp.grace = 0s;
  set beresp.keep = 0s;
  return (deliver);
}}

sub vcl_deliver {{
  if (obj.hits > 0) {{ set resp.http.x-cache = "Hit from cloudfront"; }}
  elsif (resp.status >= 400) {{ set resp.http.x-cache = "Error from cloudfront"; }}
  else {{ set resp.http.x-cache = "Miss from cloudfront"; }}
  if (resp.http.x-vary) {{ set resp.http.vary = resp.http.x-vary; }}
  unset resp.http.x-vary;
  unset resp.http.x-renewed-within;
  unset resp.http.x-varnish;
  {delivered}
  return (deliver);
}}
"""


def _policy(resources: Mapping[str, dict[str, Any]], behavior: Mapping[str, Any], kind: str) -> dict[str, Any]:
    name = behavior[f"{kind}PolicyId"]
    if name in _MANAGED:
        return dict(_MANAGED[name])
    return dict(resources[name.strip("<>")]["Properties"][f"{kind}PolicyConfig"])


def _pattern(path: str) -> str:
    """CloudFront's pattern as an expression: a star is any text."""
    return "^" + path.replace(".", "[.]").replace("*", ".*") + "([?]|$)"


def _key(named: Mapping[str, Any]) -> str:
    """Lines that put what the policy names into the key, beside the path."""
    lines = [f"hash_data(req.http.{name});" for name in named["HeadersConfig"].get("Headers", [])]
    query = named["QueryStringsConfig"]
    if query["QueryStringBehavior"] == "all":
        lines.append("hash_data(req.http.x-query);")
    elif query["QueryStringBehavior"] == "whitelist":
        names = "|".join(query["QueryStrings"])
        lines.append(f'hash_data(regsuball(req.http.x-query, "&(?!(?:{names})(?:=|&|$))[^&]*", ""));')
    return " ".join(lines)


def _fetch(members: Sequence[tuple[str, Mapping[str, Any], Origin]]) -> str:
    """Lines that send a request to the first origin, or when it comes again to the next."""
    cases = []
    for number, (name, described, origin) in enumerate(members):
        lines = [f"set bereq.backend = {_name(name)};"]
        path = described.get("OriginPath", "")
        lines.append(f'set bereq.url = regsub("{path}" + bereq.http.x-asked, "^{origin.stage}/", "/");')
        lines += [
            f'set bereq.http.{header["HeaderName"]} = "{header["HeaderValue"]}";'
            for header in described.get("OriginCustomHeaders", [])
        ]
        cases.append((f"bereq.retries == {number}", " ".join(lines)))
    return _cases(cases)


def _keep(policy: Mapping[str, Any], going_on: Iterable[int]) -> str:
    """Lines that say how long a response is kept, and when the next origin is asked."""
    go_on = ""
    if going_on:
        statuses = " || ".join(f"beresp.status == {status}" for status in going_on)
        go_on = f"if (bereq.retries == 0 && ({statuses})) {{ return (retry); }}"
    return f"""{go_on}
    if (!beresp.http.cache-control && !beresp.http.expires) {{ set beresp.ttl = {policy["DefaultTTL"]}s; }}
    if (beresp.http.cache-control ~ "(?i)(no-store|no-cache|private)") {{ set beresp.ttl = 0s; }}
    if (beresp.ttl > {policy["MaxTTL"]}s) {{ set beresp.ttl = {policy["MaxTTL"]}s; }}
    if (beresp.ttl < {policy["MinTTL"]}s) {{ set beresp.ttl = {policy["MinTTL"]}s; }}"""


def _headers(policy: Mapping[str, Any]) -> str:
    """Lines that add a response headers policy."""
    told = policy["SecurityHeadersConfig"]
    strict = told["StrictTransportSecurity"]
    domains = "; includeSubDomains" if strict["IncludeSubdomains"] else ""
    lines = [
        f'set resp.http.strict-transport-security = "max-age={strict["AccessControlMaxAgeSec"]}{domains}";',
        'set resp.http.x-content-type-options = "nosniff";',
        f'set resp.http.referrer-policy = "{told["ReferrerPolicy"]["ReferrerPolicy"]}";',
        f'set resp.http.x-frame-options = "{told["FrameOptions"]["FrameOption"]}";',
        f'set resp.http.content-security-policy = "{told["ContentSecurityPolicy"]["ContentSecurityPolicy"]}";',
    ]
    if "CorsConfig" in policy:
        [origin] = policy["CorsConfig"]["AccessControlAllowOrigins"]["Items"]
        lines.append(
            f'if (!resp.http.access-control-allow-origin) {{ set resp.http.access-control-allow-origin = "{origin}"; }}'
        )
    return "\n    ".join(lines)


def _cases(cases: Iterable[tuple[str, str]]) -> str:
    """The lines of the first case that holds."""
    return "\n  els".join(f"if ({condition}) {{ {lines} }}" for condition, lines in cases)


def _name(origin: str) -> str:
    return origin.replace("-", "_")
