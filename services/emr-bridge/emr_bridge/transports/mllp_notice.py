"""Sends one message that nobody answers: connect, write, say goodbye, and see that the peer heard it."""

import asyncio
import contextlib
from asyncio import StreamReader

from emr_bridge.transports.framer import framed
from emr_bridge.transports.mllp_client import CHUNK, Address, Patience, connected, why_not_connected

GOODBYE_SECONDS = 3.0
"""How long a peer has to close its side; what it says meanwhile is passed over."""


async def deliver(address: Address, message: bytes, patience: Patience) -> str | None:
    """Send a message; return why it could not be sent, None when it went out.

    A peer that resets the connection has not taken it.
    """
    try:
        reader, writer = await connected(address, patience)
    except OSError as error:
        return why_not_connected(error)
    try:
        async with asyncio.timeout(patience.answer_seconds):
            writer.write(framed(message))
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            await _heard_out(reader)
    except (OSError, TimeoutError):
        return "reset"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return None


async def _heard_out(reader: StreamReader) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            while await reader.read(CHUNK):
                pass
