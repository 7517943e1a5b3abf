"""Cuts MLLP frames out of a byte stream: `0x0B` payload `0x1C 0x0D` (MLLP Release 1).

Knows bytes only, no HL7; does not care how the network cut them up.
"""

START = b"\x0b"
END = b"\x1c\x0d"
#: Bytes in one payload; messages carry base64 PDF.
LIMIT = 16 * 1024 * 1024


class FrameTooLargeError(Exception):
    """A frame grew beyond the limit before it ended."""


def frame(payload: bytes) -> bytes:
    """Wrap one message for the wire."""
    return START + payload + END


class Framer:
    """Collects bytes and gives back whole payloads; bytes between frames are skipped."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._open: bytearray | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as read; return the payloads that they complete, in order."""
        payloads: list[bytes] = []
        while data:
            data = self._skip_to_start(data) if self._open is None else self._take(data, payloads)
        return payloads

    def _skip_to_start(self, data: bytes) -> bytes:
        _, start, rest = data.partition(START)
        self._open = bytearray() if start else None
        return rest

    def _take(self, data: bytes, payloads: list[bytes]) -> bytes:
        held = self._open if self._open is not None else bytearray()
        # The end mark may be split over two reads, so its first byte is looked at again.
        searched = max(len(held) - 1, 0)
        held += data
        restart, end = held.find(START, searched), held.find(END, searched)
        if restart >= 0 and (end < 0 or restart < end):
            # A new start inside a frame: what was open is lost, as the standard has it.
            rest, self._open = bytes(held[restart + 1 :]), bytearray()
            return rest
        if (len(held) if end < 0 else end) > self._limit:
            raise FrameTooLargeError(f"more than {self._limit} bytes")
        if end < 0:
            self._open = held
            return b""
        payloads.append(bytes(held[:end]))
        self._open = None
        return bytes(held[end + len(END) :])
