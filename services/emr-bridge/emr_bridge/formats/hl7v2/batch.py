"""Cuts FHS/BHS batches, and files of many messages, into their messages; counts what they claim.

Works on bytes and decodes nothing but separators and counts. Never raises, and loses no message.
Builds the batch of answers, too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
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


def answer(given: File, answers: Sequence[bytes], *, control_id: str, now: datetime) -> bytes:
    """Return the answers as a batch, inside a file if a file came (HL7 v2 chapter 2.10.3).

    The parties change places, and the batch that is answered is named (BHS-12, FHS-12).
    """
    stamp = now.strftime("%Y%m%d%H%M%S%z").encode()
    first = next((batch.header for batch in given.batches if batch.header), None)
    head = _reply(b"BHS", first or given.header, control_id, stamp)
    mark = head[3:4]
    body = [head, *(answer.removesuffix(b"\r") for answer in answers)]
    body.append(mark.join([b"BTS", str(len(answers)).encode()]))
    if given.header:
        body = [_reply(b"FHS", given.header, control_id, stamp), *body, mark.join([b"FTS", b"1"])]
    return b"".join(line + b"\r" for line in body)


def _reply(name: bytes, part: Part | None, control_id: str, stamp: bytes) -> bytes:
    """Fields 3 to 6 are the parties, 7 the time, 11 our id, 12 the id that is answered."""
    mark = (part.raw[3:4] if part else b"") or b"|"
    theirs = [part.field(number) if part else b"" for number in (5, 6, 3, 4)]
    encoding = (part.field(2) if part else b"") or b"^~\\&"
    named = part.field(11) if part else b""
    fields = [name, encoding, *theirs, stamp, b"", b"", b"", control_id.encode(), named]
    return mark.join(fields).rstrip(mark)
