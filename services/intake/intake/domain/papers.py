"""Which documents are taken, and how each is known by its first bytes."""

from collections.abc import Mapping

LARGEST_BYTES = 25 * 1024 * 1024

SIGNATURES: Mapping[bytes, str] = {
    b"%PDF-": "application/pdf",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}

MEDIA_TYPES = frozenset(SIGNATURES.values())


def media_type_of(content: bytes) -> str | None:
    """Return the type that the bytes begin as, or None when it is none that we take."""
    types = (kind for start, kind in SIGNATURES.items() if content.startswith(start))
    return next(types, None)
