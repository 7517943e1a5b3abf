"""Which documents are taken, and how large they may be; each is known by its first bytes."""

from common.papers import SIGNATURES, TEXT, media_type_of

__all__ = ["LARGEST_BYTES", "MEDIA_TYPES", "media_type_of"]

LARGEST_BYTES = 25 * 1024 * 1024

MEDIA_TYPES = frozenset({*SIGNATURES.values(), TEXT})
