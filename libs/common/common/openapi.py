"""The OpenAPI document of an API as its callers need it: problems are problem+json, tokens are named."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from common.problems import MEDIA_TYPE

BEARER = "bearerToken"
SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "Asked for where the service was given an API_TOKEN, which it needs off loopback.",
}
OPERATIONS = "operations"
"""The tag of what needs no token: health and metrics."""


def install(api: FastAPI) -> None:
    """Have the API describe itself so."""
    generate = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = generate()
            for operation in _operations(document):
                _describe(operation)
            document.setdefault("components", {})["securitySchemes"] = {BEARER: SCHEME}
        return api.openapi_schema or {}

    api.openapi = described  # type: ignore[method-assign]


def _describe(operation: dict[str, Any]) -> None:
    """FastAPI lists each model as application/json too, which our refusals never are."""
    for response in operation["responses"].values():
        if MEDIA_TYPE in response.get("content", {}):
            response["content"].pop("application/json", None)
    if OPERATIONS not in operation.get("tags", ()):
        operation["security"] = [{BEARER: []}, {}]


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (part for part in path.values() if isinstance(part, dict))
