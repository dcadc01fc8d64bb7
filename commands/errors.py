"""Write `docs/errors.md`, all errors that a client can get; `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from samcli.yamlhelper import yaml_parse

from vitrine.platform.problems import KINDS, TYPE_PREFIX, UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
_VARIABLES = {"$context.error.messageString": '"What the gateway says."'}


_PAGE = """# Errors
<!-- `python -m commands.errors` writes this page. -->

An error response is `application/problem+json` (RFC 9457). Its `type` is `{prefix}` and one of these codes, `detail` is
for people, and `request_id` finds the request in the logs. Programs decide by `type` or the status, never by `detail`.

{problems}

## Responses of the gateway
If a request does not reach a function, API Gateway responds itself, in the same form:

{gateway}

## Failed imports
`GET /imports/{{import_id}}` gives a failed import an `error` with a `code` and a `detail`. Rows that were imported
before stay.

{failed_imports}

## Rejected rows
`GET /imports/{{import_id}}/errors` lists each rejected row with a `code`, a `detail` and, if one column is at fault,
its `column`. The other rows are imported.

{rejected_rows}

## Images that were not measured
`GET /jobs/{{job_id}}/images` gives each of them an `error` with a `code`: see
[Why an image was not measured](picture-errors.md).
"""


class Advice(NamedTuple):
    """When an error occurs, and what a client can do."""

    when: str
    remedy: str


PROBLEMS = {
    "malformed-request": Advice(
        "The request cannot be read: the body is not JSON, or the cursor belongs to another list.",
        "Send valid JSON; take cursors unchanged from `next_cursor` of the same list.",
    ),
    "unauthenticated": Advice(
        "No key, or one that is unknown or revoked.", "Send a valid key in the header `X-Api-Key`."
    ),
    "forbidden": Advice(
        "The key's role does not suffice, or the key is not for pages of this origin.",
        "Use a key whose role the route accepts (`x-key` in the OpenAPI document).",
    ),
    "not-found": Advice(
        "The resource does not exist for this merchant.", "Check the path and its ids, and whose key you send."
    ),
    "method-not-allowed": Advice(
        "The path exists, but not with this method.", "Use a method that the header `Allow` names."
    ),
    "conflict": Advice(
        "The request contradicts the present state, or its Idempotency-Key was used with another body or query.",
        "Read the present state and decide again; use a new `Idempotency-Key` for each new request.",
    ),
    "too-large": Advice("The body is over 1 MB.", "Send the items in several requests, or import a file."),
    "unsupported-media-type": Advice(
        "The body is not application/json.", "Send the header `Content-Type: application/json`."
    ),
    "invalid-request": Advice(
        "The request breaks the schema; see `errors`.",
        "Correct what `errors` lists: each has a `pointer` to the value, and a `detail` with the rule that it breaks.",
    ),
    "too-many-requests": Advice(
        "The key's quota is spent.", "Wait for as many seconds as `Retry-After` says, then send the request again."
    ),
    "internal": Advice(
        "Something went wrong on our side.",
        "Send the request again with the same `Idempotency-Key`; if the error stays, report its `request_id`.",
    ),
    "unavailable": Advice(
        "The store is busy; nothing was lost.",
        "Wait for as many seconds as `Retry-After` says, then send the request again.",
    ),
}

FAILED_IMPORTS = {
    "bad_name": Advice(
        "The file's name does not say which rows it contains.",
        "Name it `imports/{merchant_id}/{kind}/[{gallery_id}/]{name}` with the ending `.xlsx`, `.csv`, `.jsonl` or "
        "`.json`, and `.gz` behind the last three if gzipped.",
    ),
    "corrupt_gzip": Advice("The gzip data is damaged or ends too early.", "Upload the whole file again."),
    "duplicate_heading": Advice("Two headings name the same column.", "Remove one, or map one with `columns`."),
    "empty_file": Advice("The file is empty.", "Upload a file with rows."),
    "file_too_large": Advice("The file is larger than 5 GiB.", "Split it."),
    "gallery_deleted": Advice("The gallery is being deleted.", "Upload the file again later."),
    "gzip_bomb": Advice("The file unpacks to far more than its size.", "Split it, or upload it without gzip."),
    "malformed_headings": Advice("The first line is not CSV.", "Correct the quotes in the headings."),
    "malformed_json": Advice("The file is not one JSON array.", "Correct the JSON, or send JSON lines as `.jsonl`."),
    "missing_column": Advice("No heading names a required column.", "Rename a heading, or map one with `columns`."),
    "no_object": Advice("The file was not uploaded.", "Upload it to the address that the import names."),
    "not_an_array": Advice("A `.json` file does not begin with an array.", "Name a file of JSON lines `.jsonl`."),
    "malformed_sheet": Advice("The file is no .xlsx spreadsheet, or has a password.", "Save it as CSV."),
    "sheet_too_large": Advice("The spreadsheet has over 50 MB, or unpacks to too much.", "Save it as CSV."),
    "not_utf8": Advice("The file is not text in UTF-8.", "Save it as UTF-8."),
    "nul_bytes": Advice("The file has NUL bytes.", "Save it as text in UTF-8."),
    "object_replaced": Advice("The file was replaced or removed while it was read.", "Upload it again."),
    "open_quote": Advice("A quote is opened, but never closed.", "Close it and upload the file again."),
    "row_too_long": Advice("A row is too long.", "Close the quote or bracket that is open, or shorten it."),
    "stopped": Advice(
        "The import stopped several times for a reason on our side.", "Upload the file again; imported rows stay."
    ),
    "too_many_columns": Advice("The file has too many columns.", "Remove those that are not needed."),
    "unknown_kind": Advice("The kind cannot be imported.", "Use a kind that the detail names."),
}

REJECTED_ROWS = {
    "conflict": Advice("A snapshot with this id exists and differs.", "Use another id, or leave the row out."),
    "duplicate_heading": Advice("Two names in the object mean the same column.", "Remove one."),
    "malformed_row": Advice("The row is not CSV or not JSON.", "Correct its quotes, brackets and commas."),
    "not_an_object": Advice("The row is not a JSON object.", "Write each row as `{…}`."),
    "row_failed": Advice("The row failed for a reason on our side.", "Import it again; we were told."),
    "too_many_columns": Advice("The object has more members than are read.", "Remove those that are not needed."),
    "too_many_values": Advice("The row has more values than there are headings.", "Quote values that hold a comma."),
    "unknown_gallery": Advice("The gallery of a snapshot does not exist.", "Create the gallery first."),
    "unknown_product": Advice("The product of a snapshot does not exist.", "Create the product first."),
    "bool_parsing": Advice("The text is not a boolean.", "Write `true` or `false`."),
    "bool_type": Advice("The value is not a boolean.", "Write `true` or `false`."),
    "dict_type": Advice("The value is not a JSON object.", "Write `{…}`."),
    "extra_forbidden": Advice("The column is not known.", "Remove it."),
    "float_parsing": Advice("The text is not a number.", "Write a number with a decimal point."),
    "float_type": Advice("The value is not a number.", "Write a number with a decimal point."),
    "finite_number": Advice("The number is infinite or not a number.", "Write a finite number."),
    "greater_than_equal": Advice("The number is too small.", "Write one that is at least the limit in the detail."),
    "int_from_float": Advice("The number has a fraction.", "Write a whole number."),
    "int_parsing": Advice("The text is not a whole number.", "Write a whole number."),
    "int_parsing_size": Advice("The number has too many digits.", "Write a smaller number."),
    "int_type": Advice("The value is not a whole number.", "Write a whole number."),
    "less_than_equal": Advice("The number is too large.", "Write one that is at most the limit in the detail."),
    "literal_error": Advice("The value is not one of those allowed.", "Use one that the detail lists."),
    "missing": Advice("A required value is missing.", "Add it."),
    "string_pattern_mismatch": Advice("The text has characters that are not allowed.", "Use the form in the detail."),
    "string_too_long": Advice("The text is too long.", "Shorten it to the length in the detail."),
    "string_too_short": Advice("The text is too short.", "Lengthen it to the length in the detail."),
    "string_type": Advice("The value is not text.", "Quote it."),
    "too_long": Advice("The list has too many items.", "Shorten it to the number in the detail."),
    "tuple_type": Advice(
        "The value is not a list.", "Write `[…]`, or text with the values separated by `|`, `;` or `,`."
    ),
    "value_error": Advice("The value breaks a rule of its own.", "Read the detail, which says the rule."),
}


def gateway_responses() -> dict[str, tuple[dict[str, str], dict[str, Any]]]:
    """The gateway's own errors from the template, by name: headers and body."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    responses = {}
    for name, response in template["Resources"]["Api"]["Properties"]["GatewayResponses"].items():
        text = response["ResponseTemplates"]["application/json"]
        for variable, value in _VARIABLES.items():
            text = text.replace(variable, value)
        headers = {key: value.strip("'") for key, value in response["ResponseParameters"]["Headers"].items()}
        responses[name] = (headers, json.loads(text))
    return responses


def rendered() -> str:
    """The page as text."""
    kinds = sorted([*KINDS.values(), UNEXPECTED], key=lambda kind: kind.status)
    problems = [(kind.slug, str(kind.status), *PROBLEMS[kind.slug]) for kind in kinds]
    gateway = [
        (name, str(body["status"]), body["type"].removeprefix(TYPE_PREFIX), body["detail"])
        for name, (_, body) in gateway_responses().items()
    ]
    advice = ("code", "when", "what to do")
    return _PAGE.format(
        prefix=TYPE_PREFIX,
        problems=_table(("type", "status", "when", "what to do"), problems),
        gateway=_table(("response", "status", "type", "detail"), gateway),
        failed_imports=_table(advice, _entries(FAILED_IMPORTS)),
        rejected_rows=_table(advice, _entries(REJECTED_ROWS)),
    )


def _entries(advice: dict[str, Advice]) -> list[tuple[str, str, str]]:
    return [(code, *of_code) for code, of_code in sorted(advice.items())]


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *((f"`{code}`", *rest) for code, *rest in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m commands.errors", description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(rendered())
        print(f"wrote {PAGE}")
        return 0
    if PAGE.exists() and PAGE.read_text() == rendered():
        return 0
    print("docs/errors.md is not up to date: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
