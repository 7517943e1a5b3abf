"""Cuts FHS/BHS batches, and files of many messages, into their messages; counts what they claim.

Works on bytes and decodes nothing but separators and counts. Never raises, and loses no message.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from emr_bridge.formats.hl7v2.header import BOM

STARTS = re.compile(rb"(?:^|(?<=[\r\n]))[ \t]*(FHS|BHS|MSH|BTS|FTS)(?=[^A-Za-z0-9]|$)")
NUMBER = re.compile(rb"\d{1,9}", re.ASCII)
END = (b"BTS", b"FTS")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a file, from a header or trailer to the next: its name and its bytes."""

    name: bytes
    raw: bytes

    def field(self, number: int) -> bytes:
        """Return a field of the piece's first line; of a header, 1 is the separator itself."""
        line = re.split(rb"[\r\n]", self.raw, maxsplit=1)[0]
        fields = line.split(line[3:4]) if line[3:4] else [line]
        place = number if self.name in END else number - 1
        return fields[place] if 0 < place < len(fields) else b""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages between BHS and BTS, byte for byte; without a BHS, those that stand alone."""

    header: Part | None
    messages: tuple[bytes, ...]
    trailer: Part | None

    @property
    def claimed(self) -> int | None:
        """How many messages BTS-1 says that there are."""
        return _count(self.trailer)


@dataclass(frozen=True, slots=True)
class File:
    """Everything that arrived as one: its batches, FHS and FTS, and what does not add up."""

    header: Part | None
    batches: tuple[Batch, ...]
    trailer: Part | None
    findings: tuple[str, ...]

    @property
    def messages(self) -> tuple[bytes, ...]:
        """Return every message, in its order."""
        return tuple(message for batch in self.batches for message in batch.messages)


def split(raw: bytes) -> File:
    """Cut a file into messages. What precedes the first header is passed over and told of."""
    body = raw.removeprefix(BOM)
    parts = list(_parts(body))
    header = next((part for part in parts if part.name == b"FHS"), None)
    trailer = next((part for part in parts if part.name == b"FTS"), None)
    batches = tuple(_batches(parts))
    return File(header, batches, trailer, tuple(_findings(body, header, batches, trailer)))


def _parts(body: bytes) -> Iterator[Part]:
    found = list(STARTS.finditer(body))
    for match, following in zip_longest(found, found[1:]):
        end = following.start() if following else len(body)
        yield Part(match.group(1), body[match.start(1) : end])


def _batches(parts: Sequence[Part]) -> Iterator[Batch]:
    """Group messages; a BHS, a BTS or an FTS closes what was open."""
    header: Part | None = None
    messages: list[bytes] = []
    for part in parts:
        if part.name == b"MSH":
            messages.append(part.raw)
        elif part.name == b"BTS":
            yield Batch(header, tuple(messages), part)
            header, messages = None, []
        elif header or messages:
            yield Batch(header, tuple(messages), None)
            header, messages = None, []
        header = part if part.name == b"BHS" else header
    if header or messages:
        yield Batch(header, tuple(messages), None)


def _findings(
    body: bytes, header: Part | None, batches: Sequence[Batch], trailer: Part | None
) -> Iterator[str]:
    first = STARTS.search(body)
    if body[: first.start() if first else len(body)].strip():
        yield "text_before_header"
    for number, batch in enumerate(batches, start=1):
        if batch.header and batch.trailer is None:
            yield f"batch_without_trailer BHS[{number}]"
        if batch.claimed not in (None, len(batch.messages)):
            yield f"batch_count_differs BTS[{number}]-1"
    if header and trailer is None:
        yield "file_without_trailer FHS[1]"
    if _count(trailer) not in (None, sum(batch.header is not None for batch in batches)):
        yield "file_count_differs FTS[1]-1"


def _count(trailer: Part | None) -> int | None:
    """Read BTS-1 or FTS-1; None where nothing is claimed."""
    said = trailer.field(1).strip() if trailer else b""
    return int(said) if NUMBER.fullmatch(said) else None
