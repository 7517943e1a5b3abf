"""hl7apy's own MLLP server, which keeps nothing: python -m benchmarks.peers.hl7apy_server PORT [parse].

It closes each link after one answer. With `parse` it reads the message before it answers.
"""

import sys

from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

from benchmarks.peers.ack import accept

KINDS = ("REF^I12^REF_I12", "RDE^O11^RDE_O11")


class Accepting(AbstractHandler):  # type: ignore[misc]  # hl7apy has no types
    """Answers without reading."""

    def reply(self) -> str:
        """Return an ACK in its frame."""
        answer = accept(self.incoming_message.encode()).decode()
        return f"\x0b{answer}\x1c\r"


class Reading(Accepting):
    """Reads, then answers."""

    def reply(self) -> str:
        """Parse as the library does by default, then return an ACK."""
        parse_message(self.incoming_message)
        return super().reply()


def main() -> None:
    """Serve until killed."""
    handler = Reading if "parse" in sys.argv[2:] else Accepting
    handlers = {kind: (handler,) for kind in KINDS}
    MLLPServer.allow_reuse_address = True
    MLLPServer.request_queue_size = 128  # its 5 would have links wait for the kernel's second try
    MLLPServer("127.0.0.1", int(sys.argv[1]), handlers).serve_forever()


if __name__ == "__main__":
    main()
