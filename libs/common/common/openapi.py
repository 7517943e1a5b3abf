"""The OpenAPI document of an API as its callers need it, and that nobody asks for what it does not name."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

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


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise RequestValidationError where a GET asks by a parameter that the document does not name.

    To pass over a filter that is misspelt would answer with what nobody asked for.
    """
    if request.method != "GET" or not request.query_params:
        return
    paths: dict[str, Any] = request.app.openapi()["paths"]
    operation = paths.get(request.scope["route"].path, {}).get("get", {})
    if "422" not in operation.get("responses", {}):
        return
    known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        fault = {"type": "unknown_parameter", "msg": "there is no such parameter"}
        raise RequestValidationError([fault | {"loc": ("query", name)} for name in unknown])


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
