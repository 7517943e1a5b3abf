"""How the type of a document is known by its first bytes, whatever its sender calls it."""

import re
from collections.abc import Mapping

SIGNATURES: Mapping[bytes, str] = {
    b"%PDF-": "application/pdf",
    b"{\\rtf": "application/rtf",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}

TEXT = "text/plain"
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
"""Bytes that no text has; form feed and escape are met in printer output."""


def media_type_of(content: bytes) -> str | None:
    """Return the type that the bytes begin as, text if they are text (UTF-8), or None."""
    kind = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
    return kind or (TEXT if _is_text(content) else None)


def _is_text(content: bytes) -> bool:
    if not content.strip() or CONTROLS.search(content):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
