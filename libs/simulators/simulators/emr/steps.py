"""How the EMR answers one message; values only."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

Code = Literal["AA", "AE", "AR", "CA", "CE", "CR"]


class Kind(StrEnum):
    """The ways in which an EMR answers, or does not."""

    ACCEPT = "accept"
    REJECT = "reject"
    SILENT = "silent"
    DROP = "drop"
    WRONG_ID = "wrong-id"
    SLOW = "slow"
    COMMIT_THEN = "commit-then"
    DOWN = "down"


class Step(BaseModel):
    """One answer: a kind, its MSA-1 code (table 0008), ERR-3 code (0357; empty for none) and location."""

    model_config = ConfigDict(frozen=True)

    kind: Kind = Kind.ACCEPT
    code: Code = "AA"
    error: str = "207"
    location: str = ""
    seconds: float = 0


def accept(code: Code = "AA") -> Step:
    """Take the message: AA, or CA in enhanced mode."""
    return Step(code=code)


def reject(code: Code = "AE", *, error: str = "207", location: str = "") -> Step:
    """Refuse it with AE, AR, CE or CR and an ERR segment; without one where `error` is empty."""
    return Step(kind=Kind.REJECT, code=code, error=error, location=location)


def silent() -> Step:
    """Take the message and never answer."""
    return Step(kind=Kind.SILENT)


def drop() -> Step:
    """Read the message, then close the link without an ACK."""
    return Step(kind=Kind.DROP)


def wrong_id(code: Code = "AA") -> Step:
    """Acknowledge another control id first, then the right one."""
    return Step(kind=Kind.WRONG_ID, code=code)


def slow(seconds: float, code: Code = "AA") -> Step:
    """Take the message, but answer so many seconds later."""
    return Step(kind=Kind.SLOW, code=code, seconds=seconds)


def commit_then(code: Code, *, seconds: float = 0, error: str = "207") -> Step:
    """Answer CA at once and the application's AA, AE or AR on the same link later."""
    return Step(kind=Kind.COMMIT_THEN, code=code, seconds=seconds, error=error)


def down(seconds: float = 0) -> Step:
    """Stop listening for so many seconds, or with 0 until told otherwise; takes no message."""
    return Step(kind=Kind.DOWN, seconds=seconds)
