"""What is told of a failure that is none of ours: of settings, of databases, of files."""

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from embedded.checks.settings import unreadable


def sentence(error: Exception) -> str | None:
    """Return what a person is told of it, without any value; None where it was not expected."""
    if isinstance(error, ValidationError):
        return _unreadable(error)
    if isinstance(error, DBAPIError | OSError):
        told = type(getattr(error, "orig", None) or error).__name__
        hint = "is the address right, and was `referral-loop migrate` run?"
        return f"a database or the event log did not answer ({told}): {hint}"
    return None


def _unreadable(error: ValidationError) -> str:
    """Name the variables that cannot be read and why; of another model its fields."""
    faults = list(unreadable()) or [
        (".".join(map(str, fault["loc"])), fault["msg"])
        for fault in error.errors(include_input=False)
    ]
    told = "; ".join(f"{name}: {why}" for name, why in faults)
    return f"settings that cannot be used: {told}"
