"""The characters that a message itself names as its separators (MSH-1, MSH-2), and escapes."""

import re
from dataclasses import dataclass
from functools import lru_cache

STANDARD = "^~\\&"
NULL = '""'
"""Delete what is there: not the same as nothing said."""

LINE_BREAKS = {"br", "ce", "sp"}
COUNT = re.compile(r"\+?(\d{1,4})", re.ASCII)
"""Of a count that may be written with any number of digits, those that are read."""

MOST_LINES = 20

FORMATTING = re.compile(r"(in|ti|sk)[+-]?\d*|fi|nf", re.ASCII)
CHARSET_SHIFT = re.compile(r"[CM](?:[0-9A-Fa-f]{2}){2,3}", re.ASCII)
"""ISO 2022 designations: they shift the bytes that follow, which the charset has read already."""

HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Separators:
    """One character each; the empty string where the message names none."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""
    doubled_escape: bool = False

    @property
    def encoding(self) -> str:
        """MSH-2 as we write it."""
        return self.component + self.repetition + self.escape + self.subcomponent

    def unescape(self, value: str, charset: str = "utf-8") -> str:
        """Return the text that an escaped value stands for; what is no escape stays as it is."""
        if not self.escape or self.escape not in value:
            return value
        if self.doubled_escape:
            value = value.replace(self.escape * 2, self.escape)
        return _pattern(self.escape).sub(lambda found: self._meaning(found, charset), value)

    def escaped(self, text: str) -> str:
        """Return text so that it can stand in a field; control characters become blanks."""
        table = {
            self.escape: "E",
            self.field: "F",
            self.component: "S",
            self.repetition: "R",
            self.subcomponent: "T",
        }
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        return "".join(self._escaped_character(character, table) for character in lines)

    def _escaped_character(self, character: str, table: dict[str, str]) -> str:
        if character in table:
            return f"{self.escape}{table[character]}{self.escape}"
        if character == "\n":
            return f"{self.escape}.br{self.escape}"
        return max(character, " ")

    def _meaning(self, found: re.Match[str], charset: str) -> str:
        code = found.group(1)
        if code.startswith("."):
            return _formatting(code[1:], found.group(0))
        known = {
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "E": self.escape,
            "T": self.subcomponent,
            "P": self.truncation or "#",
            "H": "",
            "N": "",
        }
        if code in known or CHARSET_SHIFT.fullmatch(code):
            return known.get(code, "")
        if hexadecimal := HEX.fullmatch(code):
            return bytes.fromhex(hexadecimal.group(1)).decode(charset, errors="replace")
        return found.group(0)


@lru_cache(maxsize=64)
def read_separators(field: str, encoding: str) -> tuple[Separators, str | None]:
    r"""Return the separators that MSH-1 and MSH-2 name, and how MSH-2 had to be repaired, if at all.

    A doubled backslash (`^~\\\\&`) is a source code's escape that leaked into the message.
    """
    if not encoding or any(letter.isalnum() or letter.isspace() for letter in encoding):
        return Separators(field=field), "separators_unusable" if encoding else None
    doubled = len(encoding) > 4 and encoding[2] == encoding[3]
    named = encoding[:3] + encoding[4:] if doubled else encoding
    component, repetition, escape, subcomponent, truncation = (*named, *[""] * 5)[:5]
    return (
        Separators(field, component, repetition, escape, subcomponent, truncation, doubled),
        "doubled_backslash" if doubled else None,
    )


def standard(raw: str, separators: Separators) -> str:
    r"""Return a field in the standard separators `|^~\&`, whatever the sender's own are."""
    if separators.doubled_escape:
        raw = raw.replace(separators.escape * 2, separators.escape)
    return raw.translate(_to_standard(separators))


@lru_cache(maxsize=64)
def _to_standard(separators: Separators) -> dict[int, str]:
    own = (separators.component, separators.repetition, separators.escape, separators.subcomponent)
    table = {letter: Separators().escaped(letter) for letter in "|" + STANDARD}
    table |= {mine: theirs for mine, theirs in zip(own, STANDARD, strict=True) if mine}
    return str.maketrans(table)


def _formatting(command: str, as_written: str) -> str:
    name = command.rstrip("+0123456789")
    if name in LINE_BREAKS:
        count = COUNT.match(command, len(name))
        return "\n" * min(int(count[1]), MOST_LINES) if count else "\n"
    return "" if FORMATTING.fullmatch(command) else as_written


@lru_cache(maxsize=64)
def _pattern(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(f"{mark}([^{mark}]+?){mark}")
