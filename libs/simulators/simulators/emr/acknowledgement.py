"""Reads an MSH segment and writes the ACK for it (HL7 2.5.1, chapter 2.9).

Works on latin-1 text so that every byte survives; knows no socket and no script.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

ERRORS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "199": "Other error",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of MSH; `field(10)` is MSH-10."""

    separator: str
    encoding: str
    fields: tuple[str, ...]

    def field(self, number: int) -> str:
        """Return MSH-n as written, empty when absent."""
        return self.fields[number - 1] if number <= len(self.fields) else ""

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.field(10)

    @property
    def trigger(self) -> str:
        """The second component of MSH-9, such as `I12`."""
        parts = self.field(9).split(self.encoding[:1] or "^")
        return parts[1] if len(parts) > 1 else ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What an ERR segment says: a code of table 0357, and where (ERL, such as `PID^1^3`)."""

    code: str = "207"
    location: str = ""


def read_header(message: bytes) -> Header:
    """Read MSH; a message without one gives an empty header."""
    segment = message.decode("latin-1").replace("\n", "\r").partition("\r")[0]
    if not segment.startswith("MSH") or len(segment) < 8:
        return Header("|", "^~\\&", ("|",))
    separator = segment[3]
    fields = segment[4:].split(separator)
    return Header(separator, fields[0], (separator, *fields))


def acknowledge(
    header: Header, code: str, *, control_id: str | None = None, fault: Fault | None = None
) -> bytes:
    """Write an ACK with this MSA-1; `control_id` is for a wrong MSA-2 on purpose."""
    bar, hat = header.separator, header.encoding[:1] or "^"
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    parties = [header.field(n) for n in (5, 6, 3, 4)]
    kind = hat.join(["ACK", header.trigger, "ACK"])
    own_id = f"EMRACK{next(_numbers):08d}"
    tail = [header.field(11) or "P", header.field(12) or "2.5.1"]
    segments = [
        bar.join(["MSH", header.encoding, *parties, now, "", kind, own_id, *tail]),
        bar.join(["MSA", code, header.control_id if control_id is None else control_id]),
    ]
    if fault:
        error = hat.join([fault.code, ERRORS.get(fault.code, "Error"), "HL70357"])
        segments.append(bar.join(["ERR", "", fault.location.replace("^", hat), error, "E"]))
    return ("\r".join(segments) + "\r").encode("latin-1")
