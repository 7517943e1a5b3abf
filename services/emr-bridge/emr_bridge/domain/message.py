"""What becomes of a message that came in."""

from enum import StrEnum


class State(StrEnum):
    """Where a received message stands."""

    RECEIVED = "received"
    """Kept and acknowledged with AA; not read yet."""
    INTERPRETED = "interpreted"
    """Became a fact that other services act on."""
    KEPT = "kept"
    """Kept and acknowledged because its link asks for it; of a type that we do not read."""
    REVIEW = "review"
    """Kept; a person must look."""
    REFUSED = "refused"
    """Kept, but the sender was told that we do not take it."""
    CONFLICTING = "conflicting"
    """Kept; its control id had been used for other bytes (AE, 205)."""
    IGNORED = "ignored"
    """An answer to nothing we wait for; kept, never answered."""


UNKNOWN_SENDER = "unknown_sender"
"""Why a person must look, until a link claims the sender: then the message is read again."""
