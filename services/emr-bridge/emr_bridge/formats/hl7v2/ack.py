"""Acknowledgements, both ways (HL7 v2 chapter 2, tables 0008, 0155, 0357, 0516).

What a message said is never repeated but for the ids of MSH; ERR holds codes and places only.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from emr_bridge.formats.hl7v2.header import REMEMBERED, Header
from emr_bridge.formats.hl7v2.message import Message, Segment
from emr_bridge.formats.hl7v2.reader import read

TEXT_0357 = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    104: "Value too long",
    198: "Non-conformant cardinality",
    199: "Other HL7 error",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    205: "Duplicate key identifier",
    206: "Application record locked",
    207: "Application internal error",
}

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CONTROL_ID_LENGTH = 20
"""MSH-10's limit up to HL7 2.5.1."""

PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
SHIFTS = range(5 * (CONTROL_ID_LENGTH - 2), -1, -10)
"""Ten bits at a time, from the highest."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is not taken: MSA-1, the code of table 0357, where, and a few words.

    `code` is original mode's; `diagnostic` is for the sender's developers (ERR-7); `name` is what
    we call it where the error code alone says too little.
    """

    code: str
    error: int
    text: str
    location: str = "MSH^1"
    diagnostic: str = ""
    severity: str = "E"
    name: str = ""

    @property
    def reason(self) -> str:
        """What is kept as the reason."""
        return self.name or f"hl7_{self.error}"

    def code_in(self, *, is_enhanced: bool) -> str:
        """Return MSA-1: AE and AR are CE and CR where only the taking over is answered."""
        return f"C{self.code[1]}" if is_enhanced else self.code


NO_HEADER = Refusal("AR", 100, "No readable MSH segment")
BATCH = Refusal("AR", 200, "Batches are not taken on this link", "MSH^1^9")
UNKNOWN_TYPE = Refusal("AR", 200, "Message type is not supported", "MSH^1^9")
UNKNOWN_EVENT = Refusal("AR", 201, "Event is not supported", "MSH^1^9^1^2")
REUSED_CONTROL_ID = Refusal("AE", 205, "MSH-10 was used by another message", "MSH^1^10")
WRONG_PROCESSING_ID = Refusal("AR", 202, "Processing id is not taken here", "MSH^1^11^1^1")
WRONG_VERSION = Refusal("AR", 203, "Version is not spoken on this link", "MSH^1^12^1^1")
FOREIGN_SENDER = Refusal(
    "AR", 199, "MSH-3 and MSH-4 are not this connection's", "MSH^1^3", name="foreign_sender"
)
TOO_MANY_CONNECTIONS = Refusal(
    "AR", 207, "This link has too many connections open", name="too_many_connections"
)
NEEDS_REVIEW = Refusal("AE", 199, "Kept, but a person has to read it; do not send it again")
CANNOT_STORE = Refusal("AR", 207, "Cannot be kept now, send again")
TOO_LARGE = Refusal("AR", 199, "Message is larger than this link allows")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a partner answered: MSA-1, MSA-2, and the codes of table 0357 where it gave any."""

    code: str
    control_id: str
    errors: tuple[str, ...] = ()


def control_id_of(identifier: UUID) -> str:
    """Return a control id of 20 characters: the UUIDv7's time and 52 of its random bits."""
    number = (identifier.int >> 80 << 52) | (identifier.int & ((1 << 52) - 1))
    return "".join([PAIRS[number >> shift & 1023] for shift in SHIFTS])


def acknowledge(
    header: Header,
    refusal: Refusal | None,
    *,
    is_enhanced: bool = False,
    control_id: str,
    now: datetime,
) -> bytes:
    """Return the ACK for a message: AA (or CA) when kept, else the refusal's code and ERR.

    The sender's own separators are used, so that its ids can be echoed byte for byte. Nobody is
    asked to acknowledge it: MSH-15 and MSH-16 are NE.
    """
    mark = header.separator
    fields = header.fields
    told = (fields[:6], fields[8:9], fields[10:12])
    before, after = _head(told, (mark, header.encoding), now.replace(microsecond=0))
    accepted = "CA" if is_enhanced else "AA"
    code = refusal.code_in(is_enhanced=is_enhanced) if refusal else accepted
    text = refusal.text if refusal else "Kept"
    said = (b"MSA", code.encode(), header.raw(10), text.encode())
    segments = [before + control_id.encode() + after, mark.join(said)]
    if refusal:
        segments.append(mark.join(_error(refusal, header)))
    return b"\r".join(segments) + b"\r"


@lru_cache(maxsize=REMEMBERED)
def _head(
    told: tuple[tuple[bytes, ...], ...], form: tuple[bytes, bytes], second: datetime
) -> tuple[bytes, bytes]:
    """Return MSH before and after MSH-10: within a second the same for all of a sender's messages.

    `told` is of the sender's MSH what we echo: MSH-1 to 6, 9, 11 and 12.
    """
    (names, kind, spoken), (mark, encoding) = told, form
    header = Header((*names, b"", b"", *kind, b"", *spoken), mark, encoding)
    event = header.component(9, 2).encode()
    stamp = second.strftime("%Y%m%d%H%M%S%z").encode()
    ours = (header.raw(number) for number in (5, 6, 3, 4))
    answers = encoding[:1].join([b"ACK", event, b"ACK"]) if event else b"ACK"
    after = (header.raw(11) or b"P", header.raw(12) or b"2.5.1", b"", b"", b"NE", b"NE")
    return (
        mark.join([b"MSH", encoding, *ours, stamp, b"", answers, b""]),
        mark.join([b"", *after]),
    )


def code_of(answer: bytes) -> str:
    """Return MSA-1 of an answer that `acknowledge` made."""
    return answer.partition(b"\rMSA")[2][1:3].decode()


def _error(refusal: Refusal, header: Header) -> list[bytes]:
    """ERR: fields 2 to 4 from 2.5 on, one ELD in ERR-1 before."""
    inner, lower = header.encoding[:1], (header.encoding[3:4] or b"&")
    where = refusal.location.encode().replace(b"^", inner)
    coded = [str(refusal.error).encode(), TEXT_0357.get(refusal.error, "").encode(), b"HL70357"]
    if header.text(12).startswith(("2.1", "2.2", "2.3", "2.4")):
        places = ([*refusal.location.split("^"), "", ""])[:3]
        return [b"ERR", inner.join([*(place.encode() for place in places), lower.join(coded)])]
    severity, said = refusal.severity.encode(), (refusal.diagnostic, refusal.text)
    told = [text.encode() for text in said]
    return [b"ERR", b"", where, inner.join(coded), severity, b"", b"", *told]


def is_acknowledgement(header: Header) -> bool:
    """Tell whether a message is itself an answer: it is never answered."""
    return header.kind[0] == "ACK"


def read_acknowledgement(raw: bytes) -> Acknowledgement | None:
    """Read a partner's answer (ACK, or any message with an MSA); None when it is none."""
    message = read(raw)
    answer = message.first("MSA")
    if not answer.raw:
        return None
    return Acknowledgement(
        code=(answer.text(1) or "").upper(),
        control_id=answer.text(2) or "",
        errors=tuple(_errors(message, answer)),
    )


def _errors(message: Message, answer: Segment) -> list[str]:
    """ERR-3 from 2.5 on; ERR-1.4 before; MSA-6 in old messages."""
    found = []
    for error in message.all("ERR"):
        found += [value.component(1) for value in error.values(3)]
        found += [value.component(4) for value in error.values(1)]
    found.append(answer.text(6))
    return [code for code in found if code]
