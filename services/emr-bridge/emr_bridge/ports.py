"""What transports and edges need of each other: how a message is answered, how one is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emr_bridge.domain.peer import Peer

AnswerTo = Callable[[bytes | None], None]
"""Where a message's answer goes; None stands for none."""


class Caller(Protocol):
    """One connection, as it is known to who takes its messages."""

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        ...

    def send(self, message: bytes) -> bool:
        """Send a message that nobody asked for; False when the connection is going."""
        ...

    def finish(self) -> None:
        """Read no more, answer what was handed over, close."""
        ...


class Inbound(Protocol):
    """Takes what arrives on a link. The transport knows no more of it than this."""

    def take(self, message: bytes, answered: AnswerTo, caller: Caller) -> None:
        """Keep a message, then call `answered` with its answer; None when it must not be answered.

        Calls only when the message is kept durably or the answer says that it is not; for the
        messages of one caller in the order in which they were given.
        """
        ...

    def refuse_oversized(self, head: bytes, caller: Caller) -> bytes:
        """Return the answer to a message that passed the size limit, of which this is the head."""
        ...

    def gone(self, caller: Caller) -> None:
        """Forget a connection that is closed."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """The partner answered this message."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the message left: sending it again cannot double it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The message may have arrived: it may be sent again only with the same bytes."""

    reason: str


Exchange = Answered | NotSent | Unanswered


class Outbound(Protocol):
    """One destination, at most one message in flight."""

    async def exchange(self, message: bytes, *, is_answer: Callable[[bytes], bool]) -> Exchange:
        """Send a message and wait for the one answer that `is_answer` recognises as its own.

        Never raises for what the network or the far side does.
        """
        ...

    def close(self) -> None:
        """Drop the connection, if there is one."""
        ...
