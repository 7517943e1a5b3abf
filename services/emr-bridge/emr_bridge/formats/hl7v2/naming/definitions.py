"""Segments, fields and components by their HL7 names, out of hl7apy's tables (2.1 to 2.8.2)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import hl7apy

LATEST = "2.8.2"
USUAL = "2.5.1"
VERSIONS = tuple(sorted(hl7apy.SUPPORTED_LIBRARIES))


@dataclass(frozen=True, slots=True)
class Part:
    """A field, component or subcomponent: its name, data type, table, and how often it may stand."""

    name: str
    data_type: str
    table: str = ""
    least: int = 0
    most: int = -1
    parts: tuple["Part", ...] = ()

    def part(self, number: int) -> "Part":
        """Return a part (counted from 1); one that the standard does not know has no name."""
        return self.parts[number - 1] if 0 < number <= len(self.parts) else UNKNOWN


UNKNOWN = Part("", "")


def nearest(version: str) -> str:
    """Return the version whose definitions are used for a message of `version` (MSH-12.1)."""
    if version in VERSIONS:
        return version
    return LATEST if version.startswith("2.") and version > LATEST else USUAL


@lru_cache(maxsize=1024)
def segment(name: str, version: str) -> tuple[Part, ...]:
    """Return a segment's fields; none for a segment that the version does not know."""
    found = _library(version).SEGMENTS.get(name)
    return tuple(_part(*entry[:3]) for entry in found[1]) if found else ()


@lru_cache(maxsize=256)
def data_type(name: str, version: str) -> Part:
    """Return a data type, for a field such as OBX-5 that says itself what it is."""
    found = getattr(_library(version), "DATATYPES_STRUCTS", {}).get(name)
    return Part("", name, parts=tuple(_part(*entry[:3]) for entry in found or ()))


@lru_cache(maxsize=1024)
def table_codes(table: str, version: str) -> frozenset[str]:
    """Return the codes of a table as the version has it; empty when it is the user's to fill."""
    tables = getattr(_library(version), "TABLES", {})
    return frozenset(tables.get(table, ("", ()))[1])


@lru_cache(maxsize=256)
def structure(name: str, version: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a message structure's segments (all of them, those it cannot do without)."""
    found = _library(version).MESSAGES.get(name)
    known: list[str] = []
    needed: list[str] = []
    if found:
        _collect(found, known, needed, is_needed=True)
    return tuple(dict.fromkeys(known)), tuple(dict.fromkeys(needed))


@lru_cache(maxsize=32)
def _library(version: str) -> Any:
    return hl7apy.load_library(nearest(version))


def _part(name: str, reference: Any, cardinality: tuple[int, int]) -> Part:
    kind, children, of_type, title, table = reference[:5]
    parts = tuple(_part(*child[:3]) for child in children) if kind == "sequence" else ()
    words = (title or name).replace("_", " ").strip().capitalize()
    return Part(words, of_type or "", table or "", cardinality[0], cardinality[1], parts)


def _collect(reference: Any, known: list[str], needed: list[str], *, is_needed: bool) -> None:
    """Walk groups; what a group needs is needed only where the group is."""
    for name, child, (least, _), kind in reference[1]:
        here = is_needed and least > 0
        if kind == "GRP":
            _collect(child, known, needed, is_needed=here)
            continue
        known.append(name)
        if here:
            needed.append(name)
