"""Reads MSH by hand, from bytes, for the way to the ACK. Never raises, decodes no content."""

import re
from functools import lru_cache
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 8192
LONGEST_FIELD = 199
"""Longer header fields are cut where we store or echo them: HL7's own limit for MSH-10 (2.6+)."""

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HEADER_LINE = re.compile(rb"(?:^|[\r\n])[ \t]*MSH(?=[^A-Za-z0-9\s])")
BATCH = (b"FHS", b"BHS")

MOST_BLANKS = 64

REMEMBERED = 1024
"""Header fields whose text is kept: a sender's next message says the same but for its id and time."""


class Header(NamedTuple):
    """MSH as received, byte for byte; empty bytes where a field is missing."""

    fields: tuple[bytes, ...] = ()
    separator: bytes = b"|"
    encoding: bytes = b"^~\\&"
    is_batch: bool = False

    @property
    def is_readable(self) -> bool:
        """Tell whether there was an MSH segment with any fields."""
        return bool(self.fields)

    def raw(self, number: int) -> bytes:
        """Return MSH-`number` as received, cut to the longest that is echoed."""
        fields = self.fields
        return fields[number - 1][:LONGEST_FIELD] if 1 < number <= len(fields) else b""

    def text(self, number: int) -> str:
        """Return MSH-`number` as text for columns and events, without control characters."""
        return _text(self.raw(number))

    def component(self, number: int, component: int) -> str:
        """Return one component of MSH-`number` as text."""
        return _component(self.raw(number), self.encoding[:1], component)

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.text(10)

    @property
    def sender(self) -> str:
        """MSH-3|MSH-4: who sent it, and the key by which its messages keep their order."""
        return _sender(self.raw(3), self.raw(4))

    @property
    def kind(self) -> tuple[str, str]:
        """MSH-9.1 and MSH-9.2 in capitals, such as `("REF", "I12")`."""
        return _kind(self.raw(9), self.encoding[:1])

    @property
    def message_type(self) -> str:
        """MSH-9 as `REF^I12`, whatever the sender's separators are.

        It stands in events and logs, so what is no code (a header whose fields are shifted may have
        a name there) is told as `?`.
        """
        parts = zip(self.kind, CODES, strict=True)
        return "^".join(part if code.fullmatch(part) else "?" for part, code in parts if part)


CODES = (re.compile(r"[A-Z]{2}[A-Z0-9]"), re.compile(r"[A-Z][A-Z0-9][0-9]"))
"""What message types and trigger events look like (tables 0076 and 0003), a site's own (Z01) too."""


def begins_batch(raw: bytes) -> bool:
    """Tell whether a payload begins as a batch does (FHS, BHS), blanks before it overlooked."""
    return raw.removeprefix(BOM)[:MOST_BLANKS].lstrip().startswith(BATCH)


def read_header(raw: bytes) -> Header:
    """Return the first MSH line's fields; an empty Header where there is none."""
    body = raw.removeprefix(BOM)
    is_batch = begins_batch(raw)
    found = HEADER_LINE.search(body)
    if found is None:
        return Header(is_batch=is_batch)
    start = found.end()
    line = body[start : start + LONGEST_LINE - 3].partition(b"\r")[0].partition(b"\n")[0]
    separator = line[:1]
    fields = (separator, *line[1:].split(separator))
    return Header(fields, separator, _encoding(fields[1]), is_batch)


@lru_cache(maxsize=64)
def _encoding(named: bytes) -> bytes:
    unusable = not named or any(chr(byte).isalnum() or chr(byte).isspace() for byte in named)
    return b"^~\\&" if unusable else named


@lru_cache(maxsize=REMEMBERED)
def _sender(application: bytes, facility: bytes) -> str:
    return f"{_text(application)[:90]}|{_text(facility)[:90]}"


@lru_cache(maxsize=REMEMBERED)
def _kind(raw: bytes, separator: bytes) -> tuple[str, str]:
    return _component(raw, separator, 1).upper(), _component(raw, separator, 2).upper()


@lru_cache(maxsize=REMEMBERED)
def _component(raw: bytes, separator: bytes, number: int) -> str:
    parts = raw.split(separator)
    return _text(parts[number - 1]).strip() if number <= len(parts) else ""


@lru_cache(maxsize=REMEMBERED)
def _text(raw: bytes) -> str:
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        decoded = raw.decode("cp1252", errors="replace")
    return CONTROL.sub("", decoded)
