"""In which words a message is answered: original or enhanced mode, by MSH-15, MSH-16 and its link."""

from dataclasses import dataclass
from typing import Literal

from emr_bridge.formats.hl7v2.header import Header

How = Literal["by-header", "original", "enhanced", "accept-only"]

ALWAYS, NEVER, ON_ERROR, ON_SUCCESS = "AL", "NE", "ER", "SU"
CONDITIONS = (ALWAYS, NEVER, ON_ERROR, ON_SUCCESS)
"""Table 0155."""


@dataclass(frozen=True, slots=True)
class Manner:
    """`accept`: when a message is answered at once; `application`: when again by its outcome."""

    is_enhanced: bool = False
    accept: str = ALWAYS
    application: str = NEVER

    def wants_accept(self, *, is_error: bool) -> bool:
        """Tell whether the answer at once is wanted."""
        return _is_wanted(self.accept, is_error=is_error)

    def wants_application(self, *, is_error: bool) -> bool:
        """Tell whether an answer about the outcome is wanted, as a message of its own."""
        return self.is_enhanced and _is_wanted(self.application, is_error=is_error)


def manner_of(header: Header, how: How = "by-header") -> Manner:
    """Return how a message is answered.

    `by-header` goes by MSH-15 and MSH-16 and always answers, since a sender that hears nothing over
    MLLP takes its message for lost. HL7 calls original mode the same as MSH-15 NE with MSH-16 AL.
    `enhanced` follows table 0155 to the letter, silence included; left empty, MSH-15 is AL there.
    """
    accept, application = (_condition(header, number) for number in (15, 16))
    if how == "original":
        return Manner()
    if how == "accept-only":
        return Manner(is_enhanced=True)
    if how == "enhanced":
        return Manner(is_enhanced=True, accept=accept or ALWAYS, application=application or NEVER)
    if accept in ("", NEVER):
        return Manner()
    return Manner(is_enhanced=True, application=application or NEVER)


def _condition(header: Header, number: int) -> str:
    told = header.component(number, 1).upper()
    return told if told in CONDITIONS else ""


def _is_wanted(condition: str, *, is_error: bool) -> bool:
    if condition == ON_ERROR:
        return is_error
    return condition == ALWAYS or (condition == ON_SUCCESS and not is_error)
