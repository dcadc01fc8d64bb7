"""What CloudFront is told follows from what the routes declare."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from commands.openapi import routes
from tests.aws import resources
from tests.template.test_translated import of, stack
from tests.template.translation import Evaluator, deployed, parameter_values, translated
from vitrine.platform.http import KEY_PARAMETER, READ_HEADERS
from vitrine.platform.query import PAGING

BY_PATH = "658327ea-f89d-4fab-a63d-7e88639e58f6"  # CachingOptimized, of AWS
MOST_IN_A_POLICY = 10
PASSES_BY_ITSELF = {"x-api-key", "x-user-token"}  # of the cache key, which the origin gets too
ERRORS_STORED_BY_ITSELF = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}


def config() -> dict[str, Any]:
    [distribution] = of("AWS::CloudFront::Distribution").values()
    return dict(distribution["DistributionConfig"])


def behaviors() -> list[dict[str, Any]]:
    return [*config()["CacheBehaviors"], {"PathPattern": "*", **config()["DefaultCacheBehavior"]}]


def behavior_of(path: str) -> dict[str, Any]:
    """The first whose pattern fits, as CloudFront chooses."""
    return next(behavior for behavior in behaviors() if fnmatchcase(path, behavior["PathPattern"]))


def policy(behavior: dict[str, Any], kind: str) -> dict[str, Any]:
    name = behavior[f"{kind}PolicyId"].strip("<>")
    return dict(stack()[name]["Properties"][f"{kind}PolicyConfig"])


def cache_key(behavior: dict[str, Any]) -> dict[str, Any]:
    return dict(policy(behavior, "Cache")["ParametersInCacheKeyAndForwardedToOrigin"])


def api_behaviors() -> list[dict[str, Any]]:
    return [behavior for behavior in behaviors() if behavior["TargetOriginId"] == "api"]


def test_the_key_of_a_cached_response_holds_every_parameter_that_may_change_it_and_no_other() -> None:
    listed: dict[str, set[str]] = {}
    declared: dict[str, set[str]] = {}
    for route in routes():
        behavior = behavior_of(f"/v1{route.path}")
        if behavior["TargetOriginId"] == "pictures-then-api":
            assert (route.path, route.query) == ("/pictures/{digest}/{file}", {})
            continue
        assert behavior["TargetOriginId"] == "api"
        if not route.cacheable or behavior["CachePolicyId"] == "<EdgeSearchesPolicy>":
            continue
        query = cache_key(behavior)["QueryStringsConfig"]
        assert query["QueryStringBehavior"] == "whitelist"
        listed[behavior["CachePolicyId"]] = set(query["QueryStrings"])
        declared.setdefault(behavior["CachePolicyId"], {KEY_PARAMETER}).update(route.query or {})
    assert listed == declared
    assert all(len(names) <= MOST_IN_A_POLICY for names in listed.values())


def test_only_a_route_with_more_parameters_than_a_policy_lists_is_keyed_by_all_of_them() -> None:
    """It refuses unknown ones, and nobody stores a refusal."""
    keyed = [route for route in routes() if behavior_of(f"/v1{route.path}")["CachePolicyId"] == "<EdgeSearchesPolicy>"]
    assert [route.path for route in keyed] == ["/search/images"]
    assert set(PAGING) < set(keyed[0].query or {})
    assert len(keyed[0].query or {}) > MOST_IN_A_POLICY


def test_an_response_is_cached_for_the_key_and_the_person_it_was_made_for() -> None:
    for behavior in api_behaviors():
        key = cache_key(behavior)
        assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["X-Api-Key", "X-User-Token"]}
        assert key["CookiesConfig"] == {"CookieBehavior": "none"}
        assert (key["EnableAcceptEncodingBrotli"], key["EnableAcceptEncodingGzip"]) == (True, True)


def test_what_the_api_says_must_not_be_stored_is_not_stored() -> None:
    """With a least time above 0, CloudFront stores even what is private."""
    for behavior in api_behaviors():
        times = policy(behavior, "Cache")
        assert (times["MinTTL"], times["DefaultTTL"]) == (0, 0)
    errors = {response["ErrorCode"]: response for response in config()["CustomErrorResponses"]}
    assert errors == {code: {"ErrorCode": code, "ErrorCachingMinTTL": 0} for code in ERRORS_STORED_BY_ITSELF}


def test_the_api_gets_every_header_that_routes_read_and_the_viewers_address() -> None:
    for behavior in api_behaviors():
        told = policy(behavior, "OriginRequest")
        headers = {name.lower() for name in told["HeadersConfig"]["Headers"]}
        assert headers | PASSES_BY_ITSELF >= READ_HEADERS | {"cloudfront-viewer-address", "origin"}
        assert len(told["HeadersConfig"]["Headers"]) <= MOST_IN_A_POLICY
        assert told["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
        assert {"POST", "PUT", "PATCH", "DELETE"} <= set(behavior["AllowedMethods"])


def test_functions_know_the_secret_that_the_edge_sends() -> None:
    [origin] = [origin for origin in config()["Origins"] if origin["Id"] == "api"]
    [header] = origin["OriginCustomHeaders"]
    assert header["HeaderName"].lower() == "x-edge-secret"
    assert re.fullmatch("[0-9a-f-]{36}", header["HeaderValue"])
    for name, function in of("AWS::Lambda::Function").items():
        source = str(resources("AWS::Serverless::Function")[name]["CodeUri"])
        given = function.get("Environment", {}).get("Variables", {}).get("EDGE_SECRET")
        assert given == (header["HeaderValue"] if source.rstrip("/").endswith("_api") else None), name


def test_pictures_come_from_the_bucket_and_from_the_api_where_it_has_none() -> None:
    groups = {group["Id"]: group for group in config()["OriginGroups"]["Items"]}
    origins = {origin["Id"]: origin for origin in config()["Origins"]}
    for path, origin_path in (("/pictures/shop/one", "/v1"), ("/v1/pictures/shop/one", "")):
        group = groups[behavior_of(path)["TargetOriginId"]]
        bucket, api = (origins[member["OriginId"]] for member in group["Members"]["Items"])
        assert "S3OriginConfig" in bucket
        assert "CustomOriginConfig" in api
        assert bucket.get("OriginPath", "") == api.get("OriginPath", "") == origin_path
        assert {403, 404} <= set(group["FailoverCriteria"]["StatusCodes"]["Items"])
    for origin in origins.values():
        assert origin.get("OriginAccessControlId") == ("<EdgeOriginAccess.Id>" if "S3OriginConfig" in origin else None)


@pytest.mark.parametrize("path", ["/", "/assets/app.js", "/storefront/1/vitrine.js", "/pictures/a/b", "/v1/galleries"])
def test_every_response_has_the_headers_that_guard_a_page(path: str) -> None:
    behavior = behavior_of(path)
    assert behavior["ViewerProtocolPolicy"] in {"https-only", "redirect-to-https"}
    headers = policy(behavior, "ResponseHeaders")["SecurityHeadersConfig"]
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000
    assert headers["ReferrerPolicy"]["ReferrerPolicy"] == "strict-origin-when-cross-origin"
    content = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert "frame-ancestors 'none'" in content
    assert "object-src 'none'" in content
    assert all(header["Override"] for header in headers.values())
    if behavior["TargetOriginId"] == "web" and not path.startswith("/storefront"):
        assert "script-src" not in content  # so default-src holds, which allows none in the page
        assert "default-src 'self';" in content


def test_files_are_cached_by_their_path_alone() -> None:
    assert {behavior["CachePolicyId"] for behavior in behaviors() if behavior["TargetOriginId"] != "api"} == {BY_PATH}


def test_the_edge_can_be_left_out_and_takes_a_domain_with_its_certificate() -> None:
    assert [resource for resource in deployed({"Edge": "off"}).values() if "CloudFront" in resource["Type"]] == []
    plain = deployed()["EdgeDistribution"]["Properties"]["DistributionConfig"]
    assert plain["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert {"Aliases", "WebACLId"} & plain.keys() == set()
    assert config()["Aliases"] == ["shop.example"]
    assert config()["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config()["WebACLId"].startswith("arn:aws:wafv2:")
    assert (config()["HttpVersion"], config()["IPV6Enabled"]) == ("http2and3", True)


@pytest.mark.parametrize(("certificate", "allowed"), [(None, False), ("arn:aws:acm:us-east-1:1:certificate/a", True)])
def test_a_domain_without_its_certificate_is_refused(certificate: str | None, allowed: bool) -> None:
    changed = {"EdgeDomain": "shop.example", **({"EdgeCertificateArn": certificate} if certificate else {})}
    rule = translated()["Rules"]["DomainNeedsCertificate"]
    evaluate = Evaluator(translated(), parameter_values(changed))
    assert evaluate(rule["RuleCondition"])
    assert all(evaluate(assertion["Assert"]) for assertion in rule["Assertions"]) == allowed
