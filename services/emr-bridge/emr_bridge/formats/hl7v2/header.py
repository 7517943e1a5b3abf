"""Reads MSH by hand, from bytes, for the way to the ACK. Never raises, decodes no content."""

import re
from dataclasses import dataclass
from functools import lru_cache

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 8192
LONGEST_FIELD = 199
"""Longer header fields are cut where we store or echo them: HL7's own limit for MSH-10 (2.6+)."""

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HEADER_LINE = re.compile(rb"(?:^|[\r\n])[ \t]*MSH(?=[^A-Za-z0-9\s])")
BATCH = (b"FHS", b"BHS")

REMEMBERED = 1024
"""Header fields whose text is kept: a sender's next message says the same but for its id and time."""


@dataclass(frozen=True, slots=True)
class Header:
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
        index = number - 1
        return self.fields[index][:LONGEST_FIELD] if 1 < number <= len(self.fields) else b""

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
        return f"{self.text(3)[:90]}|{self.text(4)[:90]}"

    @property
    def kind(self) -> tuple[str, str]:
        """MSH-9.1 and MSH-9.2 in capitals, such as `("REF", "I12")`."""
        return self.component(9, 1).upper(), self.component(9, 2).upper()

    @property
    def message_type(self) -> str:
        """MSH-9 as `REF^I12`, whatever the sender's separators are."""
        return "^".join(part for part in self.kind if part)


def read_header(raw: bytes) -> Header:
    """Return the first MSH line's fields; an empty Header where there is none."""
    start = raw.removeprefix(BOM)[:3]
    found = HEADER_LINE.search(raw.removeprefix(BOM))
    if found is None:
        return Header(is_batch=start in BATCH)
    line = raw.removeprefix(BOM)[found.end() - 3 :][:LONGEST_LINE]
    line = line.partition(b"\r")[0].partition(b"\n")[0]
    separator = line[3:4]
    fields = (separator, *line[4:].split(separator))
    encoding = _encoding(fields[1] if len(fields) > 1 else b"")
    return Header(fields, separator, encoding, is_batch=start in BATCH)


@lru_cache(maxsize=64)
def _encoding(named: bytes) -> bytes:
    unusable = not named or any(chr(byte).isalnum() or chr(byte).isspace() for byte in named)
    return b"^~\\&" if unusable else named


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
