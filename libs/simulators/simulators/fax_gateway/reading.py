"""Reads a send from HTTP, multipart or JSON, into fields and uploads.

Labels come as `labels[key]=value` fields or as one JSON string; both are in use.
"""

import json
import re
from pathlib import PurePath
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from simulators.fax_gateway.errors import RefusedError
from simulators.fax_gateway.request import InvalidSendError, Upload, decode_files

LABEL = re.compile(r"^labels\[([^\]]+)\]$")


async def read_send(request: Request) -> tuple[dict[str, Any], list[Upload]]:
    """Read the fields and documents of a send."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return _from_json(await request.body())
    async with request.form() as form:
        return _from_form(form), [await _upload(part) for part in _files(form)]


def _from_json(body: bytes) -> tuple[dict[str, Any], list[Upload]]:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise RefusedError(400) from error
    if not isinstance(fields, dict):
        raise RefusedError(400)
    return fields, decode_files(fields["files"]) if "files" in fields else []


def _from_form(form: FormData) -> dict[str, Any]:
    texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    fields: dict[str, Any] = dict(texts)
    fields["to"] = [value for name, value in texts if name == "to"]
    fields["labels"] = _labels(texts)
    return fields


def _labels(texts: list[tuple[str, str]]) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    for name, value in texts:
        if name == "labels":
            labels.update(_labels_from_json(value))
        elif match := LABEL.match(name):
            labels[match[1]] = value
    return labels


def _labels_from_json(text: str) -> dict[str, Any]:
    try:
        labels = json.loads(text)
    except ValueError as error:
        raise InvalidSendError([("labels", "is not JSON")]) from error
    if not isinstance(labels, dict):
        raise InvalidSendError([("labels", "must be an object")])
    return labels


def _files(form: FormData) -> list[UploadFile]:
    return [value for _, value in form.multi_items() if isinstance(value, UploadFile)]


async def _upload(part: UploadFile) -> Upload:
    suffix = PurePath(part.filename or "").suffix.lstrip(".")
    file_type = suffix or (part.content_type or "").rpartition("/")[2]
    return Upload(file_type.upper(), await part.read())
