"""hl7apy's message as a tree to fill, its validation with all findings, and the bytes to send."""

import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hl7apy.core import Message
from hl7apy.exceptions import HL7apyException

from common.errors import SetAside
from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.charset import encode, hl7_name
from emr_bridge.formats.hl7v2.separators import Separators

VERSION = "2.5.1"
OWN_NAMESPACE = "REFERRALLOOP"

STANDARD = Separators()
PLACE = re.compile(r"\b[A-Z0-9_]+\.[A-Z0-9_]+\b")

Echo = Mapping[tuple[str, int], str]
"""Fields that go out byte for byte as they came in, by segment name and field number."""


class Unbuildable(SetAside):
    """No valid message can be made of this; the text names places, never values."""

    def __init__(self, places: list[str]) -> None:
        """Take the places that hl7apy complains of."""
        super().__init__("unbuildable", ", ".join(places) or "structure")


def started(kind: str, outgoing: Outgoing) -> Any:
    """Return a message of that kind (MSH-9) with its header filled."""
    link = outgoing.link
    message = Message(kind.rpartition("^")[2], version=VERSION)
    to_application = link.receiving_application or link.sending_application
    to_facility = link.receiving_facility or link.sending_facility
    header = {
        3: escaped(outgoing.own[0]),
        4: escaped(outgoing.own[1]),
        5: escaped(to_application),
        6: escaped(to_facility),
        7: stamp(outgoing.made_at),
        9: kind,
        10: outgoing.control_id,
        11: "P",
        12: VERSION,
        18: hl7_name(link.charset),
    }
    fill(message.msh, header)
    return message


def fill(segment: Any, fields: Mapping[int, str]) -> None:
    """Set fields by number from ER7; `~` separates repetitions. Empty ones are left out."""
    for number, er7 in fields.items():
        first, *further = er7.split(STANDARD.repetition)
        if first:
            setattr(segment, f"{segment.name}_{number}", first)
        for repetition in further:
            segment.add_field(f"{segment.name}_{number}").value = repetition


def finished(message: Any, outgoing: Outgoing, echo: Echo) -> bytes:
    """Validate, put the echoed fields in as they came, and encode for the link.

    Raises Unbuildable with every place that is wrong.
    """
    validate(message)
    lines = message.to_er7().rstrip("\r").split("\r")
    wire = "\r".join(_echoed(line, echo) for line in lines) + "\r"
    return encode(wire, outgoing.link.charset)


def validate(message: Any) -> None:
    """Raise Unbuildable unless the message has all that its structure requires."""
    with tempfile.TemporaryDirectory() as folder:
        findings = Path(folder) / "findings"
        try:
            message.validate(report_file=str(findings))
        except HL7apyException as error:
            told = findings.read_text() if findings.exists() else ""
            places = {place for line in told.splitlines() for place in PLACE.findall(line)}
            raise Unbuildable(sorted(places)) from error


def escaped(text: str) -> str:
    """Return text as it stands in a field."""
    return STANDARD.escaped(text)


def stamp(moment: datetime) -> str:
    """Return DTM in UTC with its offset."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S%z")


def day(value: date | None) -> str:
    """Return DT."""
    return value.strftime("%Y%m%d") if value else ""


def entity(identifier: str) -> str:
    """Return one of our own identifiers as EI."""
    return f"{escaped(identifier)}^{OWN_NAMESPACE}"


def plain_number(field: str) -> str:
    """Return EI as far as every sender fills it rightly: what is validated in an echo's place."""
    return "^".join(field.split("~")[0].split("^")[:2]).rstrip("^")


def _echoed(line: str, echo: Echo) -> str:
    fields = line.split("|")
    for (name, number), value in echo.items():
        if fields[0] == name and number < len(fields) and value:
            fields[number] = value
    return "|".join(fields)
