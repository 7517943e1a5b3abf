"""hl7apy's message as a tree to fill, its validation with all findings, and the bytes to send."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hl7apy.core import Message
from hl7apy.exceptions import HL7apyException

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders.refusals import Unbuildable
from emr_bridge.formats.hl7v2.charset import encode, hl7_name
from emr_bridge.formats.hl7v2.separators import Separators

VERSION = "2.5.1"
OWN_NAMESPACE = "REFERRALLOOP"

STANDARD = Separators()
PLACE = re.compile(r"\b[A-Z0-9_]+\.[A-Z0-9_]+\b")

IN_ITS_PLACE = "0"
"""Stands where something is echoed: what others wrote is not ours to validate."""

Echo = Mapping[tuple[str, int], str]
"""Fields that go out byte for byte as they came in, by segment name and field number."""


def started(kind: str, outgoing: Outgoing) -> Any:
    """Return a message of that kind (MSH-9) with its header filled."""
    message = Message(kind.rpartition("^")[2], version=VERSION)
    fill(message.msh, header(kind, outgoing))
    return message


def header(kind: str, outgoing: Outgoing) -> dict[int, str]:
    """Return MSH from field 3 on.

    MSH-15 and 16 stay empty (original mode) unless the link waits for the application's answer:
    the samples of 360X have NE there, but over MLLP an answer is all that confirms a message.
    """
    link = outgoing.link
    asked = "AL" if link.dialect.application_ack else ""
    return {
        3: escaped(outgoing.us.application),
        4: escaped(outgoing.us.facility),
        5: escaped(link.receiving_application or link.sending_application),
        6: escaped(link.receiving_facility or link.sending_facility),
        7: stamp(outgoing.made_at, outgoing.zone),
        9: kind,
        10: outgoing.control_id,
        11: "P",
        12: VERSION,
        15: asked,
        16: asked,
        18: hl7_name(link.charset),
    }


def fill(segment: Any, fields: Mapping[int, str]) -> None:
    """Set fields by number from ER7; `~` separates repetitions. Empty ones are left out."""
    for number, er7 in fields.items():
        first, *further = er7.split(STANDARD.repetition)
        if first:
            setattr(segment, f"{segment.name}_{number}", first)
        for repetition in further:
            segment.add_field(f"{segment.name}_{number}").value = repetition


def finished(
    message: Any, outgoing: Outgoing, echo: Echo, whole: Mapping[str, str] | None = None
) -> bytes:
    """Validate, put the echoed fields in as they came, and encode for the link.

    `whole` replaces the segments that begin so. Raises Unbuildable with every place that is wrong.
    """
    validate(message)
    lines = message.to_er7().rstrip("\r").split("\r")
    for beginning, echoed in (whole or {}).items():
        lines = [echoed if line.startswith(beginning) else line for line in lines]
    return sent([_echoed(line, echo) for line in lines], outgoing)


def sent(lines: Sequence[str], outgoing: Outgoing) -> bytes:
    """Return the segments in the link's version and character set."""
    version = outgoing.link.dialect.hl7_version
    wire = "\r".join(_in_version(lines, version)) + "\r"
    return encode(wire, outgoing.link.charset)


def line(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment as it stands on the wire; MSH begins with its own separators."""
    last = max(fields)
    if name == "MSH":
        rest = (fields.get(number, "") for number in range(3, last + 1))
        return "|".join([f"MSH|{STANDARD.encoding}", *rest]).rstrip("|")
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))]).rstrip("|")


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


def stamp(moment: datetime, zone: ZoneInfo) -> str:
    """Return DTM in the clinic's time zone, with its offset."""
    return moment.astimezone(zone).strftime("%Y%m%d%H%M%S%z")


def day(value: date | None) -> str:
    """Return DT."""
    return value.strftime("%Y%m%d") if value else ""


def entity(identifier: str) -> str:
    """Return one of our own identifiers as EI."""
    return f"{escaped(identifier)}^{OWN_NAMESPACE}"


def plain_number(field: str) -> str:
    """Return EI as far as every sender fills it rightly: what is validated in an echo's place."""
    return "^".join(field.split("~")[0].split("^")[:2]).rstrip("^")


def _echoed(written: str, echo: Echo) -> str:
    fields = written.split("|")
    for (name, number), value in echo.items():
        if fields[0] == name and number < len(fields) and value:
            fields[number] = value
    return "|".join(fields)


def _in_version(lines: Sequence[str], version: str) -> list[str]:
    """Name the version in MSH-12; before 2.5 an appointment's times stand in SCH-11, not in TQ1."""
    head, *rest = lines
    fields = head.split("|")
    fields[11] = version
    if version < "2.5":
        times = next((one.split("|") for one in rest if one.startswith("TQ1|")), [])
        rest = [_timed(one, times) for one in rest if not one.startswith("TQ1|")]
    return ["|".join(fields), *rest]


def _timed(written: str, times: Sequence[str]) -> str:
    fields = written.split("|")
    if fields[0] == "SCH" and times:
        fields[11] = "^".join(["", "", "", *times[7:9]])
    return "|".join(fields)
