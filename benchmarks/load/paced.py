"""Sends MLLP messages at a given rate, whatever the answers take: when each was due, by control id.

python -m benchmarks.load.paced PORT MESSAGES_PER_SECOND SECONDS FILE
"""

import asyncio
import json
import sys
import time
from asyncio import Queue, StreamReader, StreamWriter
from pathlib import Path

import uvloop

from benchmarks.load.names import unlike

LINKS = 32
PLACE = b"@CONTROL-ID@"


async def main(port: int, rate: int, seconds: float, message: bytes) -> None:
    """Put a message on the next free link when it is due; print {control id: time}."""
    free: Queue[tuple[StreamReader, StreamWriter]] = Queue()
    for _ in range(LINKS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    due_at: dict[str, float] = {}
    exchanges: set[asyncio.Task[None]] = set()
    names, began = unlike(), time.time()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0, due - time.time()))
        control_id = next(names)
        due_at[control_id] = due
        exchange = asyncio.create_task(_exchange(free, message, control_id.encode()))
        exchanges.add(exchange)
        exchange.add_done_callback(exchanges.discard)
    await asyncio.gather(*exchanges)
    print(json.dumps(due_at))


async def _exchange(
    free: "Queue[tuple[StreamReader, StreamWriter]]", message: bytes, control_id: bytes
) -> None:
    reader, writer = await free.get()
    writer.write(b"\x0b" + message.replace(PLACE, control_id) + b"\x1c\r")
    answer = await reader.readuntil(b"\x1c\r")
    if b"\rMSA|AA|" + control_id not in answer and b"\rMSA|CA|" + control_id not in answer:
        sys.exit(f"not accepted: {answer[:300]!r}")
    free.put_nowait((reader, writer))


if __name__ == "__main__":
    read = Path(sys.argv[4]).read_bytes().replace(b"\n", b"\r")
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), read))
