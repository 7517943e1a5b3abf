"""The words of a notice as every profile has them, line by line; and its codes."""

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders.structure import escaped
from emr_bridge.formats.hl7v2.crosswalk import Row, reported, row_of

REPORT_CODE = "REFSTATUS^Referral status report^L"
STATUS_CODE = "STATUS^Referral status^L"
UPDATE_CODE = "UPDATE^What happened^L"
TEXT_CODE = "REPORT^Referral status report^L"


def row(outgoing: Outgoing) -> Row:
    """Return how the notice is told; one that no profile knows (it is newer than we) is reported."""
    found = row_of(outgoing.milestone, outgoing.profile)
    return found or row_of(outgoing.milestone, "oru") or reported(outgoing.milestone)


def lines(outgoing: Outgoing) -> list[str]:
    """Return what a person reads, a line each, none of them empty."""
    content = outgoing.content
    said = [
        f"To: {content.addressed_to}",
        content.title,
        *content.lines,
        f"Referral code: {outgoing.request.referral_code}",
    ]
    return [line for line in said if line.strip()]


def coded(code: str) -> str:
    """Return one of our own codes as CE, its words made of it."""
    words = escaped(code.replace("_", " ").capitalize())
    return f"{escaped(code)}^{words}^L"
