"""Turns a message's bytes into text, whatever MSH-18 (table 0211) claims. Never raises."""

import codecs
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

NAMES = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "WINDOWS1252": "cp1252",
    "CP1252": "cp1252",
    "BIG5": "big5",
    "CNS116431992": "euc_tw",
    "GB180302000": "gb18030",
    "KSX1001": "euc_kr",
    "ISOIR6": "ascii",
    "ISOIR14": "iso2022_jp",
    "ISOIR87": "iso2022_jp",
    "ISOIR159": "iso2022_jp_1",
} | {f"{prefix}8859{part}": f"iso8859-{part}" for part in range(1, 16) for prefix in ("", "ISO")}
"""Table 0211 and what senders write instead, letters and digits only."""

SEPARATED = re.compile(r"[~^]")
ESCAPE = b"\x1b"

LAST_RESORTS = ("cp1252", "latin-1")
"""Windows' Western code page, and Latin-1, which maps every byte."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text that encodes to the same bytes again in `charset`, and what had to be repaired."""

    text: str
    charset: str
    repairs: tuple[str, ...] = ()


def python_name(declared: str) -> str | None:
    """Return Python's name of an MSH-18 value, or None when there is none."""
    return NAMES.get("".join(letter for letter in declared.upper() if letter.isalnum()))


def decode(raw: bytes, declared: str = "", default: str = "utf-8") -> Decoded:
    """Decode by what the bytes are, then by MSH-18, then by the link's default, then Western.

    `declared` is MSH-18 as it stands: its repetitions are tried in their order. Text that is not
    ASCII and yet valid UTF-8 is UTF-8, whatever the label says: other charsets do not form such
    sequences by chance.
    """
    names, labelled = _labels(declared)
    if raw.isascii():
        return _decode_ascii(raw, labelled, default)
    for charset in ("utf-8", *labelled, default, *LAST_RESORTS):
        text = _strictly(raw, charset)
        if text is not None:
            return Decoded(text, charset, _repairs(charset, names, labelled, default))
    raise AssertionError("latin-1 maps every byte")  # pragma: no cover


@lru_cache(maxsize=64)
def _labels(declared: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names in MSH-18, and Python's of those that it knows."""
    names = tuple(name.strip() for name in SEPARATED.split(declared) if name.strip())
    return names, tuple(known for name in names if (known := python_name(name)))


def _decode_ascii(raw: bytes, labelled: Sequence[str], default: str) -> Decoded:
    """Decode seven-bit bytes: ASCII, unless they shift (ISO 2022) as a label says that they do."""
    shifting = (name for name in labelled if name.startswith("iso2022") and ESCAPE in raw)
    for charset in shifting:
        if (text := _strictly(raw, charset)) is not None:
            return Decoded(text, charset)
    return Decoded(raw.decode("ascii"), _superset(next(iter(labelled), None), default))


def encode(text: str, charset: str) -> bytes:
    """Encode for a link; what its charset lacks becomes its base letter, else a question mark."""
    name = _known(charset) or "utf-8"
    return "".join(_encodable(letter, name) for letter in text).encode(name, errors="replace")


def _encodable(letter: str, name: str) -> str:
    """Return a letter or its base; a separator in disguise (a full-width one) has none."""
    if letter.isascii() or _strictly(letter.encode(name, errors="ignore"), name) == letter:
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isalnum() else letter


def hl7_name(charset: str) -> str:
    """Return the MSH-18 value for a link's charset; empty for ASCII, the standard's default."""
    name = _known(charset) or "utf-8"
    if name == "ascii":
        return ""
    if name.startswith("iso8859-"):
        return f"8859/{name.removeprefix('iso8859-')}"
    return "UNICODE UTF-8" if name == "utf-8" else name


@lru_cache(maxsize=64)
def _superset(labelled: str | None, default: str) -> str:
    r"""Return the charset of escaped bytes (`\\Xdd\\`) in a message that is otherwise ASCII."""
    for charset in (labelled, default):
        known = _known(charset) if charset else None
        if known not in (None, "ascii") and _strictly(b"MSH|^~\\&", known) == "MSH|^~\\&":
            return str(known)
    return "utf-8"


def _strictly(raw: bytes, charset: str | None) -> str | None:
    known = _known(charset) if charset else None
    if known is None:
        return None
    try:
        text = raw.decode(known)
        return text if text.encode(known) == raw else None
    except (UnicodeError, LookupError):  # LookupError: a codec that is not for text
        return None


@lru_cache(maxsize=64)
def _known(charset: str) -> str | None:
    try:
        return codecs.lookup(python_name(charset) or charset).name
    except LookupError:
        return None


def _repairs(
    charset: str, names: Sequence[str], labelled: Sequence[str], default: str
) -> tuple[str, ...]:
    if len(labelled) < len(names):
        return ("unknown_charset MSH-18",)
    expected = labelled or [python_name(default) or default]
    same = _known(charset) in {_known(name) for name in expected}
    if same or (not names and charset == "utf-8"):
        return ()
    return ("charset_mislabelled MSH-18",)
