"""The three things that a message of a referral type can turn out to be."""

from dataclasses import dataclass

from common.events.submission import Submission


@dataclass(frozen=True, slots=True)
class Requested:
    """It refers a patient. `placer`, `patient_ids` and `provider` are as sent, to be echoed."""

    submission: Submission
    placer: str
    patient_ids: str
    provider: str = ""


@dataclass(frozen=True, slots=True)
class CancellationAsked:
    """It takes back what an earlier message asked for, by the sender's own number."""

    external_id: str


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A person must look; `reason` is a code."""

    reason: str


Reading = Requested | CancellationAsked | Doubtful
