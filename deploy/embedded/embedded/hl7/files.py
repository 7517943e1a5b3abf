"""Messages from files as people keep them: one or many, framed or not, with any line ends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from common.errors import Invalid, NotFound
from emr_bridge.formats.hl7v2.batch import split
from emr_bridge.formats.hl7v2.message import HEADERS, Message, Segment
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.transports.framer import Frame, Framer

AUTO, NOW = "auto", "now"
PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,2}))?", re.ASCII)
LARGEST = 256 * 1024 * 1024

Change = tuple[str, int, int | None, str]
"""Segment, field, component (None: the whole field), and what shall stand there."""


def messages_in(paths: Sequence[Path]) -> Iterator[tuple[Path, bytes]]:
    """Yield each message of each file, with its file, segments ending in a carriage return."""
    for path in paths:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror})") from error
        yield from ((path, message) for message in messages_of(raw))


def messages_of(raw: bytes) -> list[bytes]:
    """Return the messages in a file's bytes: MLLP frames, a batch, or messages after each other."""
    framer = Framer(max_bytes=LARGEST)
    framed = [item.payload for item in framer.feed(raw) if isinstance(item, Frame)]
    pieces = framed or [raw]
    return [normal(message) for piece in pieces for message in _each(piece)]


def normal(message: bytes) -> bytes:
    """Return a message whose segments end in a carriage return alone."""
    lines = message.replace(b"\r\n", b"\r").replace(b"\n", b"\r").strip(b"\r").split(b"\r")
    return b"".join(line + b"\r" for line in lines if line.strip())


def change_of(text: str) -> Change:
    """Read `MSH-10=auto` or `PID-5.1=ZZTEST`; Invalid when it is not of this form."""
    place, mark, value = text.partition("=")
    found = PLACE.fullmatch(place.strip())
    if not mark or not found or (found[1] in HEADERS and int(found[2]) < 3):
        raise Invalid(f"{text!r} is not of the form SEGMENT-FIELD[.COMPONENT]=VALUE")
    component = int(found[3]) if found[3] else None
    return found[1], int(found[2]), component, value


def changed(raw: bytes, changes: Sequence[Change], *, control_id: str, now: datetime) -> bytes:
    """Return a message with values set: `auto` is `control_id`, `now` the time. Ours to escape.

    A segment that is not there is not added.
    """
    message = read(raw)
    for name, number, component, value in changes:
        stamp = now.strftime("%Y%m%d%H%M%S%z")
        told = {AUTO: control_id, NOW: stamp}.get(value) or message.separators.escaped(value)
        message = _with(message, name, number, component, told)
    return message.to_bytes()


def _with(message: Message, name: str, number: int, component: int | None, told: str) -> Message:
    first = next((place for place, one in enumerate(message.segments) if one.name == name), None)
    if first is None:
        return message
    segments = list(message.segments)
    segments[first] = _set(segments[first], number, component, told)
    return replace(message, segments=tuple(segments))


def _set(segment: Segment, number: int, component: int | None, told: str) -> Segment:
    marks = segment.separators
    fields = segment.raw.split(marks.field)
    index = number - 1 if segment.name in HEADERS else number
    fields += [""] * (index + 1 - len(fields))
    if component is not None:
        parts = fields[index].split(marks.component)
        parts += [""] * (component - len(parts))
        parts[component - 1] = told
        told = marks.component.join(parts)
    fields[index] = told
    return replace(segment, raw=marks.field.join(fields))


def _each(raw: bytes) -> list[bytes]:
    return list(split(raw).messages) or [raw]
