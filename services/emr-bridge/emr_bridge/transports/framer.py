"""Cuts a stream of bytes into MLLP frames (MLLP release 1): `0x0B` payload `0x1C 0x0D`.

Pure and incremental; knows no socket, no clock and no HL7.
"""

from dataclasses import dataclass

START = b"\x0b"
END = b"\x1c"
RETURN = 0x0D
WHOLE_END = END + b"\r"
MOST_BROKEN = 100
"""So many frames in a row that come to nothing are no accident: each is told of, and each is two bytes."""

HEAD_BYTES = 4096
"""How much of an oversized frame is kept, so that its header can be answered."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole payload, without its framing bytes."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame that was begun and dropped: `restarted`, `no_return`, `unfinished`; or why the link closes."""

    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A frame passed the limit; `head` is its beginning. Nothing after it is read."""

    head: bytes


Found = Frame | Broken | TooLarge


def framed(payload: bytes) -> bytes:
    """Return the payload inside its frame; it must hold neither `0x0B` nor `0x1C`."""
    return START + payload + WHOLE_END


class Framer:
    """Takes bytes as they arrive, in any portions, and gives back what they complete."""

    def __init__(
        self, *, max_bytes: int, max_garbage: int = 65536, tolerate_missing_return: bool = True
    ) -> None:
        """Limit a payload to `max_bytes` and the bytes between frames to `max_garbage`.

        `tolerate_missing_return` accepts a frame that ends in a bare `0x1C` where nothing else can
        be meant: when the next frame starts, or when the sender falls silent (see `settle`).
        """
        self._max_bytes = max_bytes
        self._max_garbage = max_garbage
        self._tolerant = tolerate_missing_return
        self._buffer = bytearray()
        self._scanned = 0
        self._inside = False
        self._garbage = 0
        self._broken = 0
        self.closed = False

    @property
    def inside(self) -> bool:
        """Tell whether a frame has been begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[Found]:
        """Take the next bytes; return what they complete, in order. Once `closed`, ignore them."""
        if not self._buffer and not self._inside and self._is_one_frame(data):
            self._garbage = self._broken = 0
            return [Frame(data[1:-2])]
        found: list[Found] = []
        self._buffer += data
        while not self.closed and (self._step_inside if self._inside else self._step_outside)(
            found
        ):
            pass
        return found

    def _is_one_frame(self, data: bytes) -> bool:
        """Tell whether the bytes are one whole frame: nearly always, with one message in flight."""
        size = len(data)
        return (
            data.endswith(WHOLE_END)
            and data.startswith(START)
            and data.find(END) == size - 2
            and data.rfind(START) == 0
            and size - 3 <= self._max_bytes
            and not self.closed
        )

    def settle(self) -> list[Found]:
        """Drop a frame whose rest does not come (silence, end of stream).

        It is whole all the same when only the final return is missing and that is tolerated.
        """
        if not self._inside:
            return []
        payload = bytes(self._buffer)
        self._leave(len(self._buffer))
        if self._tolerant and payload.endswith(END):
            return [Frame(payload[:-1])]
        return [Broken("unfinished", len(payload))]

    def _step_outside(self, found: list[Found]) -> bool:
        start = self._buffer.find(START)
        skipped = len(self._buffer) if start < 0 else start
        self._garbage += skipped
        del self._buffer[: skipped + (start >= 0)]
        if self._garbage > self._max_garbage:
            found.append(Broken("too_much_garbage", self._garbage))
            self.closed = True
        self._inside, self._scanned = start >= 0, 0
        return start >= 0

    def _step_inside(self, found: list[Found]) -> bool:
        end = self._buffer.find(END, self._scanned)
        restart = self._buffer.find(START, self._scanned, end if end >= 0 else len(self._buffer))
        if restart >= 0:
            self._break(Broken("restarted", restart), found)
            del self._buffer[: restart + 1]
            self._scanned = 0
            return True
        if (len(self._buffer) if end < 0 else end) > self._max_bytes:
            found.append(TooLarge(bytes(self._buffer[:HEAD_BYTES])))
            self.closed = True
            return False
        if end < 0 or end + 1 == len(self._buffer):
            self._scanned = len(self._buffer) if end < 0 else end
            return False
        self._finish(end, found)
        return True

    def _finish(self, end: int, found: list[Found]) -> None:
        payload, after = bytes(self._buffer[:end]), self._buffer[end + 1]
        is_ended = after == RETURN
        self._leave(end + 1 + is_ended)
        if is_ended or (self._tolerant and after == START[0]):
            self._broken = 0
            found.append(Frame(payload))
        else:
            self._break(Broken("no_return", end), found)

    def _break(self, frame: Broken, found: list[Found]) -> None:
        """Tell of a frame that came to nothing; close where there are too many of them."""
        self._broken += 1
        found.append(frame)
        if self._broken >= MOST_BROKEN:
            found.append(Broken("too_many_broken", self._broken))
            self.closed = True

    def _leave(self, consumed: int) -> None:
        del self._buffer[:consumed]
        self._inside, self._scanned, self._garbage = False, 0, 0
