"""Who competes: something that starts, takes load for some seconds, and says how it went."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass


class Absent(Exception):
    """A contender cannot be had on this machine; the text says why, in a line."""


class Failed(Exception):
    """A measurement that says nothing: wrong answers, none at all, a program that ended."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: operations per second, and milliseconds that one took."""

    rate: float
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """So many at a time (links, clients, waiting rows: the series says), for so many seconds."""

    width: int
    seconds: float


Measure = Callable[[Load], Awaitable[Sample]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A name for the table, the widths that it is measured at, and how to make it ready.

    `ready` raises Absent where it cannot be had. What it yields is called once per round and width.
    """

    name: str
    widths: tuple[int, ...]
    ready: Callable[[], AbstractAsyncContextManager[Measure]]
