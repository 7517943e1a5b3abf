"""What a Sinch failure means in our words: one table of (errorType, errorCode) pairs.

The code alone says nothing: 133 stands in two types with two meanings.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from notifications.ports import FailureClass

Pair = tuple[str, int]


def _pairs(
    error_type: str, codes: Iterable[int], failure: FailureClass
) -> Iterator[tuple[Pair, FailureClass]]:
    return (((error_type, code), failure) for code in codes)


_FAX_PROTOCOL_CODES: Final = (
    *(6, 8, 10, 12, 13, 14, 18, 20, 21, 22, 25, 26, 28, 29, 31, 41, 53),
    *(60, 63, 68, 77, 80, 82, 84),
)

BY_PAIR: Final[dict[Pair, FailureClass]] = dict(
    (
        *_pairs("CALL_ERROR", (17,), FailureClass.BUSY),
        *_pairs("CALL_ERROR", (16,), FailureClass.NO_ANSWER),
        *_pairs("FAX_ERROR", (48,), FailureClass.NO_ANSWER),
        *_pairs("CALL_ERROR", (30,), FailureClass.NO_FAX_TONE),
        *_pairs("FAX_ERROR", (132,), FailureClass.NO_FAX_TONE),
        *_pairs("CALL_ERROR", (11, 15, 19, 43), FailureClass.LINE),
        *_pairs("FAX_ERROR", (38, 40, 44), FailureClass.LINE),
        *_pairs("CALL_ERROR", (32,), FailureClass.FAX_PROTOCOL),
        *_pairs("FAX_ERROR", _FAX_PROTOCOL_CODES, FailureClass.FAX_PROTOCOL),
        *_pairs("FAX_ERROR", (131,), FailureClass.PARTIAL),
        *_pairs("CALL_ERROR", (34, 49), FailureClass.BAD_NUMBER),
        *_pairs("FAX_ERROR", (133,), FailureClass.BAD_NUMBER),
        *_pairs("FAX_ERROR", (7, 113, 117), FailureClass.DOCUMENT),
        *_pairs("FAX_ERROR", (46,), FailureClass.ACCOUNT),
        *_pairs("FAX_ERROR", (75, 76, 79), FailureClass.CANCELLED),
        *_pairs("FAX_ERROR", (119,), FailureClass.OTHER),
    )
)

BY_TYPE: Final[dict[str, FailureClass]] = {
    "DOCUMENT_CONVERSION_ERROR": FailureClass.DOCUMENT,
    "LINE_ERROR": FailureClass.LINE,
    "FATAL_ERROR": FailureClass.OTHER,
    "GENERAL_ERROR": FailureClass.OTHER,
}
"""Types whose every code means the same to us."""


def classify(
    error_type: str | None, error_code: int | None, *, pages_ok: int = 0, pages: int = 0
) -> FailureClass:
    """Return why a fax failed; a pair that is not listed is OTHER.

    Some pages of several that did arrive make it PARTIAL, whatever the pair says: the far side
    holds an incomplete document, so the whole one has to follow.
    """
    if 0 < pages_ok < pages:
        return FailureClass.PARTIAL
    if error_type is None:
        return FailureClass.OTHER
    if error_type in BY_TYPE:
        return BY_TYPE[error_type]
    return BY_PAIR.get((error_type, error_code or 0), FailureClass.OTHER)
