"""Reads the one thing of a Sinch webhook that is used: which fax it is about."""

import json
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final

PLAUSIBLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The id becomes part of a URL that we read, and anybody may post to a callback."""


def fax_id(headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the fax's id at Sinch from a multipart or a JSON webhook, or None if it has none."""
    content_type = _header(headers, "content-type")
    if content_type.lower().startswith("multipart/form-data"):
        fax: object = _parsed(_form_field(content_type, body, "fax"))
    else:
        fax = _parsed(body).get("fax")
    found = fax.get("id") if isinstance(fax, dict) else None
    return found if isinstance(found, str) and PLAUSIBLE_ID.fullmatch(found) else None


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _form_field(content_type: str, body: bytes, name: str) -> bytes:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == name:
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    return b""


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
