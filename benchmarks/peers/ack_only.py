"""Our MLLP server and framing with a port that keeps nothing: python -m benchmarks.peers.ack_only PORT."""

import sys
from collections.abc import Callable

import uvloop

from benchmarks.peers.ack import accept
from emr_bridge.ports import Caller
from emr_bridge.transports.mllp import Limits, Server


class Accepting:
    """Says yes to everything; satisfies the Inbound port but for its promise."""

    def take(
        self, message: bytes, answered: Callable[[bytes | None], None], caller: Caller
    ) -> None:
        """Answer at once."""
        del caller
        answered(accept(message))

    def refuse_oversized(self, head: bytes, caller: Caller) -> bytes:
        """Return an ACK."""
        del caller
        return accept(head)

    def gone(self, caller: Caller) -> None:
        """Nothing is known of it."""


async def main() -> None:
    """Serve until killed."""
    await Server(Accepting(), Limits()).serve("127.0.0.1", int(sys.argv[1]))


if __name__ == "__main__":
    uvloop.run(main())
