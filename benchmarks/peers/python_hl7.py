"""python-hl7's own MLLP server, which answers and keeps nothing: python -m benchmarks.peers.python_hl7 PORT."""

import asyncio
import sys

from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server


async def answer(reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
    """Answer one link until it is closed, as the library's documentation does."""
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            writer.writemessage(message.create_ack())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve until killed."""
    async with await start_hl7_server(answer, host="127.0.0.1", port=int(sys.argv[1])) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
