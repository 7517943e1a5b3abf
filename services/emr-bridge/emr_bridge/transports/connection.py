"""One MLLP link as accepted: cuts what arrives into messages and writes the answers in their order.

Knows frames and one socket; what a message says is the Inbound port's business.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from emr_bridge.domain.peer import ANYBODY, Network, Peer
from emr_bridge.ports import Inbound
from emr_bridge.transports.framer import Broken, Found, Frame, Framer, TooLarge, framed
from emr_bridge.transports.tls import peer_of

log = structlog.get_logger()

MOST_UNANSWERED = 64
MOST_UNANSWERED_BYTES = 1024 * 1024
"""How much one link may send ahead of its answers; then it is not read until all have gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one listener and one link may take; times in seconds."""

    max_bytes: int = 16 * 1024 * 1024
    max_connections: int = 1000
    max_garbage: int = 64 * 1024
    half_frame_seconds: float = 30.0
    whole_frame_seconds: float = 300.0
    write_seconds: float = 30.0
    drain_seconds: float = 8.0
    linger_seconds: float = 5.0
    tolerate_missing_return: bool = True
    keep_alive_seconds: int = 60
    allowed: tuple[Network, ...] = ()


class Connection(asyncio.Protocol):
    """One link. It has no task: it is called when bytes come, and when a message's answer is there.

    `made` is told of it when it is open and says whether it may stay; `lost` when it is gone.
    """

    def __init__(
        self,
        inbound: Inbound,
        limits: Limits,
        *,
        made: Callable[["Connection"], bool],
        lost: Callable[["Connection"], None],
    ) -> None:
        """Start between frames."""
        self._inbound = inbound
        self._limits = limits
        self._made = made
        self._lost = lost
        self._framer = Framer(
            max_bytes=limits.max_bytes,
            max_garbage=limits.max_garbage,
            tolerate_missing_return=limits.tolerate_missing_return,
        )
        self._loop = asyncio.get_running_loop()
        self.peer: Peer = ANYBODY
        self._transport: Any = None
        self._unanswered = 0
        self._unanswered_bytes = 0
        self._answers: list[bytes] = []
        self._write_is_due = False
        self._is_ending = False
        self._is_held = False
        self._is_cut_off = False
        self._last_word: bytes | None = None
        self._begun_at = 0.0
        self._heard_at = 0.0
        self._silence: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the link, or close it where it may not be."""
        self._transport = transport
        self.peer = peer_of(self._transport)
        if not self._made(self):
            self._is_ending = True
            transport.close()
            return
        _keep_alive(transport.get_extra_info("socket"), self._limits.keep_alive_seconds)

    def data_received(self, data: bytes) -> None:
        """Hand over every message that these bytes complete."""
        if self._is_ending:
            return  # of a peer that is cut off: read, so that it can read its answer
        was_inside = self._framer.inside
        found = self._framer.feed(data)
        for item in found:
            self._take(item)
        if found or not was_inside:
            self._begun_at = self._loop.time()
        if self._framer.closed:
            self._end()
        elif self._framer.inside:
            self._watch()
        if self._is_ahead():
            self._hold()

    def eof_received(self) -> bool:
        """Answer what is whole, then close: a peer may have closed its sending side only."""
        self._finish_frame()
        is_owed = self._unanswered > 0 or self._write_is_due
        return is_owed and bool(self._transport.can_write_eof())

    def pause_writing(self) -> None:
        """Read no more from a peer that does not read its answers; give it up in the end."""
        self._hold()
        self._patience = self._loop.call_later(self._limits.write_seconds, self.abort)

    def resume_writing(self) -> None:
        """Go on: the peer reads."""
        if self._patience is not None:
            self._patience.cancel()
        self._release()

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the link; what it sent is kept all the same."""
        for timer in (self._silence, self._patience, self._farewell):
            if timer is not None:
                timer.cancel()
        self._is_ending = True
        self._lost(self)
        self._inbound.gone(self)

    def answered(self, answer: bytes | None) -> None:
        """Take the answer of the oldest message without one; write those of one moment together."""
        self._unanswered -= 1
        if answer is not None:
            self._answers.append(framed(answer))
        if not self._write_is_due:
            self._write_is_due = True
            self._loop.call_soon(self._write)

    def send(self, message: bytes) -> bool:
        """Send a message between the answers; False when the connection is going."""
        if self._is_ending or self._transport.is_closing():
            return False
        self._transport.write(framed(message))
        return True

    def finish(self) -> None:
        """Read no more, answer what was handed over, close."""
        self._hold()
        self._end()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _take(self, item: Found) -> None:
        if isinstance(item, Frame):
            self._unanswered += 1
            self._unanswered_bytes += len(item.payload)
            self._inbound.take(item.payload, self.answered, self)
        elif isinstance(item, TooLarge):
            log.warning("mllp_message_too_large", size=self._limits.max_bytes)
            self._last_word = self._inbound.refuse_oversized(item.head, self)
        elif isinstance(item, Broken):
            log.warning("mllp_frame_broken", reason=item.reason, size=item.size)

    def _write(self) -> None:
        self._write_is_due = False
        if self._transport.is_closing():
            if self._answers:
                log.info("mllp_peer_gone_before_answer", count=len(self._answers))
                self._answers.clear()
            return
        if self._answers:
            answers, self._answers = self._answers, []
            self._transport.write(answers[0] if len(answers) == 1 else b"".join(answers))
        if not self._unanswered:
            self._unanswered_bytes = 0
            if self._is_ending:
                self._close()
            elif self._is_held:
                self._release()

    def _is_ahead(self) -> bool:
        return (
            self._unanswered >= MOST_UNANSWERED or self._unanswered_bytes >= MOST_UNANSWERED_BYTES
        )

    def _hold(self) -> None:
        if not self._is_held and not self._transport.is_closing():
            self._is_held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        if self._is_held and not self._is_ending and not self._transport.is_closing():
            self._is_held = False
            self._transport.resume_reading()

    def _watch(self) -> None:
        self._heard_at = self._loop.time()
        if self._silence is None:
            soonest = min(self._limits.half_frame_seconds, self._limits.whole_frame_seconds)
            self._silence = self._loop.call_later(soonest, self._check)

    def _check(self) -> None:
        """Close a link that fell silent within a frame, or dribbles it; else look again later."""
        self._silence = None
        if not self._framer.inside or self._is_ending:
            return
        if self._is_held:  # it is we who do not listen
            self._watch()
            return
        silent_at = self._heard_at + self._limits.half_frame_seconds
        late_at = self._begun_at + self._limits.whole_frame_seconds
        left = min(silent_at, late_at) - self._loop.time()
        if left > 0:
            self._silence = self._loop.call_later(left, self._check)
        else:
            self._finish_frame()

    def _finish_frame(self) -> None:
        if not self._is_ending:
            for item in self._framer.settle():
                self._take(item)
            self._end()

    def _end(self) -> None:
        """Take nothing more; close when everything is answered."""
        self._is_ending = True
        if not self._unanswered and not self._write_is_due:
            self._close()

    def _close(self) -> None:
        """Close; a peer that is cut off first reads its answer: closing over unread bytes resets it."""
        if self._framer.closed and not self._is_cut_off:
            self._cut_off()
        elif not self._transport.is_closing():
            self._transport.close()
            self._abort_after(self._limits.write_seconds)

    def _cut_off(self) -> None:
        self._is_cut_off = True
        if self._last_word:
            self._transport.write(framed(self._last_word))
        if self._transport.can_write_eof():  # TLS has no half-closed connections
            self._transport.write_eof()
        self._abort_after(self._limits.linger_seconds)
        if self._is_held:
            self._transport.resume_reading()

    def _abort_after(self, seconds: float) -> None:
        if self._farewell is not None:
            self._farewell.cancel()
        self._farewell = self._loop.call_later(seconds, self.abort)


def _keep_alive(accepted: Any, seconds: int) -> None:
    """Have the system ask a silent peer whether it is there: it is gone after four times no answer."""
    if accepted is None:
        return
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", seconds), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):  # not every system lets it be set
                accepted.setsockopt(socket.IPPROTO_TCP, option, value)
