"""Identifiers: time-ordered UUIDs (RFC 9562, version 7) and short codes that people can read aloud."""

import hashlib
from uuid import UUID

from uuid_utils.compat import uuid7

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return uuid7()


def short_code(identifier: UUID, length: int = 6) -> str:
    """Return a code of `length` characters that stands for the identifier on paper and by phone.

    No character is easily taken for another (no 0/O, 1/I/L, U). Not unique by construction:
    whoever stores it keeps a unique index and draws a new identifier on a clash.
    """
    number = int.from_bytes(hashlib.sha256(identifier.bytes).digest()[:10], "big")
    code = ""
    for _ in range(length):
        number, index = divmod(number, len(ALPHABET))
        code += ALPHABET[index]
    return code
