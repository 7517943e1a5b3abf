"""Names that no other message or referral has: letters only, for a patient's name has no digits."""

import os
from collections.abc import Iterator
from itertools import count

LETTERS = 18
"""As many as MSH-10 may hold beside the two that some receivers add."""


def unlike() -> Iterator[str]:
    """Return names, each unlike those of every process that ran before."""
    start = os.getpid() * 10**12
    return (_letters(start + number) for number in count())


def _letters(number: int) -> str:
    return "".join(chr(65 + (number // 26**place) % 26) for place in range(LETTERS))
