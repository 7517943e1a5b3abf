"""What our answers say of the message that they answer: its type and number, who referred."""

from dataclasses import dataclass

from emr_bridge.domain.outgoing import Source
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.manner import manner_of
from emr_bridge.formats.hl7v2.message import Message
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.formats.hl7v2.separators import standard

REFERRING = "RP"


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes of a message that came in, and what happened to the referral since."""

    raw: bytes
    charset: str
    cancel_asked: bool = False


def source_of(original: Original) -> Source:
    """Read what is echoed or told apart in an answer."""
    header = read_header(original.raw)
    message = read(original.raw, default_charset=original.charset)
    return Source(
        message_type=header.message_type,
        control_id=header.control_id,
        profile_id=standard(message.first("MSH").field(21), message.separators),
        referrer=_referrer(message),
        cancel_asked=original.cancel_asked,
        wants_answer=manner_of(header).wants_application(is_error=False),
    )


def _referrer(message: Message) -> str:
    """Return PRD of the referring provider as sent, in standard separators."""
    found = (one for one in message.all("PRD") if (one.text(1) or "").upper() == REFERRING)
    segment = next(found, None)
    if segment is None:
        return ""
    fields = segment.raw.split(message.separators.field)
    return "|".join(standard(field, message.separators) for field in fields)
