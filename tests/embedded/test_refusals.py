"""What the APIs say of fields that are wrong: our words, and nothing of what was sent."""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from common.field_words import WITHHELD
from common.sealing import new_key
from common.settings import SharedSettings
from embedded.system import Overrides, compose

CANARY = "ZZTESTLAST"
FAR_TOO_LONG = CANARY * 2000
WRONG: list[Any] = [
    *(None, True, 5, -1, 10**400, 1.5, 1e300, "", CANARY, FAR_TOO_LONG, f"{CANARY}\x00"),
    *("9" * 400, "1e5", "nan", "2026-13-45", "2026-01-01", "2026-01-01T01:00:00", "99:99"),
    *("0001-01-01T00:00:00+14:00", "PT0S", "P999D", "PT", "?", "10.20.0.0/99", "\ud800"),
    *([], [CANARY], {}, {CANARY: CANARY}, [{}] * 200, {str(one): "x" for one in range(600)}),
]
DEEPEST = 5
GIVEN = {"X-Actor": "zz", "Content-Type": "application/json"}
AN_ID = "00000000-0000-0000-0000-000000000001"

SAID = {
    "is needed",
    "there is no such field",
    "there is no such parameter",
    "must be a JSON object",
    "must be a list",
    "must be text",
    "must be text in Unicode",
    "must be a UUID",
    "must be a number",
    "must be a whole number",
    "must be true or false",
    "must be a date such as 2026-03-02",
    "must be a date without a time, such as 2026-03-02",
    "must be a date and time with its zone, such as 2026-03-02T15:00:00Z",
    "must be a time of day such as 08:30",
    "must be a duration such as PT24H",
    "must be more than 0 seconds",
    "must be 366 days or less",
    "must be 1 or more",
    "must be 65535 or less",
    "must be 'prescriber' or 'patient'",
    "must be 1, 2 or 3",
    "must be base64",
    "must hold no NUL character",
    "must have 1 or more characters",
    "must have 200 or fewer characters",
    "must have 1 or more entries",
    "must have 100 or fewer entries",
    "must match the pattern ^\\+[1-9][0-9]{6,14}$",
    "must be an address or a network such as 10.20.0.0/16",
    "must be a place such as ORC-12.1 or RXO-1.1 system NDC",
    "must lie between the years 1900 and 2999",
}
"""Some of each kind, so that this is known to be asked for."""


@pytest.fixture
async def outside(tmp_path) -> AsyncGenerator[httpx2.AsyncClient]:
    shared = SharedSettings(data_dir=tmp_path, sealing_keys=SecretStr(new_key("zz")))
    async with compose(Overrides(), shared=shared).opened() as system:
        transport = httpx2.ASGITransport(system.api, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


Document = dict[str, Any]


def resolved(schema: Document, document: Document) -> Document:
    """Follow references, and take the first of what a value may be that is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        else:
            return schema


def wrong(schema: Document, document: Document, value: Any, depth: int) -> Any:
    """Return a body in which every place of this depth, and every leaf above it, has the value."""
    schema = resolved(schema, document)
    if depth == 0:
        return value
    if "properties" in schema:
        fields = schema["properties"].items()
        return {name: wrong(one, document, value, depth - 1) for name, one in fields}
    if "items" in schema:
        return [wrong(schema["items"], document, value, depth - 1)]
    if isinstance(schema.get("additionalProperties"), dict):
        inner = wrong(schema["additionalProperties"], document, value, depth - 1)
        names = resolved(schema.get("propertyNames", {}), document).get(
            "enum", [CANARY, "drug.code"]
        )
        return dict.fromkeys(names, inner)
    return value


def schema_of(operation: Document) -> Document:
    content = operation.get("requestBody", {}).get("content", {})
    schema: Document = content.get("application/json", {}).get("schema", {})
    return schema


def bodies(operation: Document, document: Document) -> Iterator[Any]:
    schema = schema_of(operation)
    for value in WRONG:
        for depth in range(DEEPEST):
            yield wrong(schema, document, value, depth)


def queries(operation: Document) -> Iterator[dict[str, str]]:
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            yield from ({one["name"]: text} for text in WRONG if is_text(text))
            yield {"nobody_knows": CANARY}


def is_text(value: Any) -> bool:
    return isinstance(value, str) and "\ud800" not in value and len(value) < 10_000


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "422" in operation["responses"]:
                yield method, path, operation


async def refusals(
    outside: httpx2.AsyncClient, service: str, document: Document
) -> AsyncGenerator[httpx2.Response]:
    for method, path, operation in operations(document):
        place = f"/{service}{path}"
        good = re.sub(r"\{\w+\}", AN_ID, place)
        if "{" in path:
            yield await outside.request(method, re.sub(r"\{\w+\}", f"{CANARY}!", place))
        for query in queries(operation):
            yield await outside.request(method, good, params=query, headers=GIVEN)
        if schema_of(operation):
            for body in bodies(operation, document):
                yield await outside.request(method, good, content=json.dumps(body), headers=GIVEN)
            yield await outside.request(method, good, json={}, headers={"X-Actor": "x" * 201})
            yield await outside.request(method, good, headers=GIVEN)


async def test_each_field_that_is_wrong_is_told_in_our_words(outside):
    """INVARIANT: no answer repeats a value, and what is wrong is said in our words, whatever pydantic calls it.

    Broken by a model with a type of value for which `common.field_words` has no sentence.
    """
    said: set[str] = set()
    for service in ("intake", "emr-bridge", "notifications"):
        document = (await outside.get(f"/{service}/openapi.json")).json()
        async for answer in refusals(outside, service, document):
            assert answer.status_code < 500, answer.request.url
            if answer.status_code != 422:
                continue
            problem = answer.json()
            details = {one["detail"] for one in problem.get("errors", ())}
            assert not [one for one in details if one == WITHHELD or not one[0].islower()]
            assert CANARY not in "".join(details)
            said |= details
    assert SAID - said == set()
