"""What a clinic shall be told, in words. Knows no layout and no channel."""

from dataclasses import dataclass
from datetime import datetime

from common.events.people import PatientCard


@dataclass(frozen=True, slots=True)
class Notice:
    """One update for a clinic, ready for any channel to lay out.

    `by_when` is in words and in the clinic's time zone; `items` are, for instance, the questions
    that the clinic shall answer.
    """

    name: str
    title: str
    addressed_to: str
    clinic_name: str
    referral_code: str
    patient: PatientCard | None
    medication: str
    happened: str
    next_step: str
    who_acts: str
    by_when: str | None
    items: tuple[str, ...]
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice with what only some channels say besides; sealed wherever it lies."""

    notice: Notice
    appointment_place: str | None = None
