"""A fast, lossless reader of ER7: any bytes become a Message, nothing is thrown away or raised."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from emr_bridge.formats.hl7v2.charset import decode
from emr_bridge.formats.hl7v2.message import HEADERS, Message, Segment
from emr_bridge.formats.hl7v2.separators import Separators, read_separators

BOM = "\ufeff"
LINE_END = re.compile(r"[\r\n]")
LINE_ENDS = ("\r\n", "\n", "\r")
HEADER = re.compile(r"(?:^|(?<=[\r\n\ufeff]))(MSH|FHS|BHS)")

MOST_REPAIRS = 20
"""Places named for one kind of repair; the kind is told in any case."""

MOST_SEGMENTS = 50_000
"""What is beyond stays uncut in the last one: nothing is lost, and memory stays bounded."""


def read(raw: bytes, *, default_charset: str = "utf-8") -> Message:
    """Read any bytes; `default_charset` is the link's, for senders who leave MSH-18 empty."""
    decoded = decode(raw, _declared_charset(raw), default_charset)
    start = _header_start(decoded.text)
    prelude, body = decoded.text[:start], decoded.text[start:]
    separators, repaired = _separators(body)
    plain = _plain_lines(body, separators.field)
    segments = _segments(plain or _lines(body, separators.field), separators, decoded.charset)
    mended = () if plain else _line_repairs(segments)
    repairs = (*decoded.repairs, *_header_repairs(prelude, repaired), *mended)
    return Message(separators, decoded.charset, segments, prelude, repairs)


def _header_repairs(prelude: str, separators: str | None) -> Iterator[str]:
    """Name what had to be overlooked before the header, or mended in it."""
    yield from ("byte_order_mark",) if prelude.startswith(BOM) else ()
    yield from ("text_before_header",) if prelude.lstrip(BOM).strip() else ()
    yield from (f"{separators} MSH-2",) if separators else ()


def _line_repairs(segments: Sequence[Segment]) -> Iterator[str]:
    """Name what was strange about lines: a code, and the place where there is one."""
    endings = {segment.ending for segment in segments}
    yield from ("line_ends",) if "\n" in "".join(endings) else ()
    strange = endings.difference(LINE_ENDS, ("",))
    blank = (one for one in segments if one.ending in strange) if strange else ()
    wrapped = [one for one in segments if "\r" in one.raw or "\n" in one.raw]
    for code, where in (("blank_line", blank), ("wrapped_line", wrapped)):
        yield from (
            f"{code} {one.told_name}[{one.occurrence}]" for one in islice(where, MOST_REPAIRS)
        )


def _declared_charset(raw: bytes) -> str:
    """MSH-18 has to be known before the text is: read it from the bytes of the first line."""
    start = raw.find(b"MSH")
    if start < 0:
        return ""
    line = raw[start : start + 8192].partition(b"\r")[0].partition(b"\n")[0]
    fields = line.split(line[3:4]) if len(line) > 3 else []
    return fields[17].decode("latin-1") if len(fields) > 17 else ""


def _header_start(text: str) -> int:
    """Where the first header begins; without one, after a byte order mark."""
    found = HEADER.search(text)
    return found.start(1) if found else len(BOM) * text.startswith(BOM)


def _separators(body: str) -> tuple[Separators, str | None]:
    mark = body[3:4]
    if not body.startswith(HEADERS) or not mark or mark.isalnum() or mark.isspace():
        return Separators(), None
    return read_separators(mark, LINE_END.split(body[4:8192].split(mark, 1)[0], maxsplit=1)[0])


def _segments(
    lines: Iterable[tuple[str, str]], separators: Separators, charset: str
) -> tuple[Segment, ...]:
    seen: dict[str, int] = {}
    segments = []
    for raw, ending in lines:
        name = raw[:3]
        seen[name] = occurrence = seen.get(name, 0) + 1
        segments.append(Segment(name, raw, ending, separators, charset, occurrence))
    return tuple(segments)


def _plain_lines(body: str, mark: str) -> Sequence[tuple[str, str]]:
    """Return what `_lines` does, sooner, where every line end is a carriage return before a name."""
    if "\n" in body or body.count("\r") > MOST_SEGMENTS or _strange_end(mark).search(body):
        return ()
    lines = body.split("\r")
    last = lines.pop()
    pairs = [(line, "\r") for line in lines]
    return [*pairs, (last, "")] if last else pairs


def _lines(body: str, mark: str) -> Iterable[tuple[str, str]]:
    """Yield each segment's text and what ended its line.

    Lines end where a segment's name follows; wrapped text stays with its segment, and what is
    beyond the most with the last.
    """
    begin, boundary = 0, _boundary(mark, r"[\r\n]" if "\n" in body else r"\r")
    ends = (found for found in boundary.finditer(body) if found.lastindex)
    for end in islice(ends, MOST_SEGMENTS):
        yield body[begin : end.start()], end.group()
        begin = end.end()
    if begin < len(body):
        yield body[begin:], ""


@lru_cache(maxsize=64)
def _strange_end(mark: str) -> re.Pattern[str]:
    return re.compile(rf"\r(?![A-Z][A-Z0-9]{{2}}(?:{re.escape(mark)}|\r|$)|$)", re.ASCII)


@lru_cache(maxsize=64)
def _boundary(mark: str, line_end: str) -> re.Pattern[str]:
    name = rf"[A-Z][A-Z0-9]{{2}}(?:{re.escape(mark)}|[\r\n]|$)"
    # Blanks that no name follows are taken as well, and once: looking at each of them again for all
    # that follow it would take hours over a megabyte.
    return re.compile(rf"{line_end}[\r\n\t ]*+(?:(?={name}|$)()|)", re.ASCII)
