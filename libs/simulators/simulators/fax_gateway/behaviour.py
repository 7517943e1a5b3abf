"""What the gateway does with a number: one table from its last four digits to a script.

Pure values. The error pairs and their texts are those of Sinch Fax API v3, "Error Messages".
"""

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What the caller of POST /faxes gets."""

    ACCEPTED = "accepted"
    LOST = "accepted, then the connection drops without an answer"
    NO_FUNDS = "402"
    RATE_LIMITED = "429"
    BROKEN = "500"


class Webhooks(StrEnum):
    """How the end of a fax is told to its callback URL."""

    ONCE = "once"
    TWICE = "the same twice"
    STALE_LAST = "the end first, an older IN_PROGRESS snapshot after it"
    NEVER = "never"
    FORGED = "one that claims delivery, against the resource"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one dial ends: an (errorType, errorCode) pair, or nothing when every page arrived."""

    error_type: str = ""
    error_code: int = 0
    message: str = ""
    #: The last page is missing although the ones before it were confirmed.
    partial: bool = False
    #: Sinch dials again on its own, up to the fax's maxRetries.
    redials: bool = True

    @property
    def delivered(self) -> bool:
        """Every page was confirmed by the far side."""
        return not self.error_type

    def pages_sent(self, pages: int) -> int:
        """Count the pages that the far side confirmed, of those in the document."""
        if self.delivered:
            return pages
        return max(pages - 1, 0) if self.partial else 0


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one send (or one redial) to a number."""

    ending: Ending = Ending()
    answer: Answer = Answer.ACCEPTED
    webhooks: Webhooks = Webhooks.ONCE


#: The steps of a number, one per send or redial; the last one repeats.
Script = tuple[Step, ...]

ALL_PAGES = Ending()
BUSY = Ending("CALL_ERROR", 17, "Busy")
NO_FAX_ANSWERED = Ending("CALL_ERROR", 30, "The call was answered, but not by a fax machine")
NOT_ACTIVE = Ending("CALL_ERROR", 49, "The number is not active", redials=False)
NO_RESPONSE = Ending("FAX_ERROR", 12, "No response after sending DCS or TCF")
INCOMPLETE = Ending("FAX_ERROR", 131, "The transmission is incomplete", partial=True)
NO_FAX_TONE = Ending("FAX_ERROR", 132, "No fax tone was detected")
BAD_URL = Ending("DOCUMENT_CONVERSION_ERROR", 54, "The document was not fetched", redials=False)
UNSUPPORTED_FILE = Ending("DOCUMENT_CONVERSION_ERROR", 129, "Unsupported file type", redials=False)
UNREADABLE_PDF = Ending("DOCUMENT_CONVERSION_ERROR", 133, "Cannot normalise PDF", redials=False)

DELIVERED = Step()
REFUSALS = {
    "017": Step(BUSY),
    "429": Step(answer=Answer.RATE_LIMITED),
    "500": Step(answer=Answer.BROKEN),
}

SCRIPTS: dict[str, Script] = {
    "0000": (DELIVERED,),
    "0002": (Step(webhooks=Webhooks.TWICE),),
    "0003": (Step(webhooks=Webhooks.STALE_LAST),),
    "0004": (Step(webhooks=Webhooks.NEVER),),
    "0005": (Step(BUSY, webhooks=Webhooks.FORGED),),
    "0012": (Step(NO_RESPONSE),),
    "0017": (Step(BUSY),),
    "0030": (Step(NO_FAX_ANSWERED),),
    "0049": (Step(NOT_ACTIVE),),
    "0054": (Step(BAD_URL),),
    "0131": (Step(INCOMPLETE),),
    "0132": (Step(NO_FAX_TONE),),
    "0402": (Step(answer=Answer.NO_FUNDS),),
    "0408": (Step(answer=Answer.LOST),),
    "0429": (Step(answer=Answer.RATE_LIMITED),),
    "0500": (Step(answer=Answer.BROKEN),),
    # 2017 is busy twice and then delivered; 1429 is refused once, and so on up to nine times.
    **{
        f"{times}{row}": (refusal,) * times + (DELIVERED,)
        for row, refusal in REFUSALS.items()
        for times in range(1, 10)
    },
}


def script_for(number: str) -> Script:
    """Look up a destination's script by its last four digits; unlisted ones are delivered."""
    return SCRIPTS.get(number[-4:], (DELIVERED,))
