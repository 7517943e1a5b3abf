"""What the services expect of an event log, in Kafka's words. Every adapter passes one contract suite."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from common.errors import SetAside


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record that is not in the log yet."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A record at its place in the log."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    appended_at: datetime


class RecordsTooLarge(SetAside):
    """Some of the records are larger than the log will ever take."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__("record_too_large")
        self.places = tuple(places)
        """Where they stand among those that were to be appended."""


class Subscription(Protocol):
    """One member of a consumer group."""

    async def fetch(self, *, limit: int, timeout_seconds: float) -> Sequence[Record]:
        """Return the next records that this member holds, at most `limit`, oldest first per key.

        Waits up to the time-out for the first; an empty answer means that none came, or that
        another member of the group holds them all. What was fetched is not fetched again by this
        subscription, committed or not. A member keeps its place however long its process takes
        between two calls; leaving, or the end of its process, passes it on.
        """

    async def commit(self, records: Sequence[Record]) -> None:
        """Remember, beyond the end of the process, that the group is done with these and all before.

        A loss of power may take the last of it back: then they are read again. Never moves backwards.
        Raises Retry when this member lost its place: then another member reads these records again.
        """


class EventLog(Protocol):
    """Records by topic, durable once appended, in order per key."""

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Append; on return every record survives the loss of the process and the power.

        Records of one key keep the order in which they are given. Raises Retry when the log cannot
        take them now, RecordsTooLarge when it never will take some; then others may have been
        appended nevertheless.
        """

    def subscribe(
        self, topics: Sequence[str], *, group: str
    ) -> AbstractAsyncContextManager[Subscription]:
        """Join a group: each record goes to one member, from the group's committed offset on.

        A group without offsets begins at the first record of each topic.
        """

    def read(self, topics: Sequence[str], *, follow: bool) -> AsyncGenerator[Record]:
        """Read from the first record without a group: to the end, or on and on with `follow`."""

    async def lag(self, topics: Sequence[str], *, group: str) -> Mapping[str, int]:
        """Return for each topic how many records the group has not committed yet."""

    async def ping(self) -> None:
        """Raise Retry when the log does not answer."""

    async def close(self) -> None:
        """Give back every connection; subscriptions must have been left before."""
