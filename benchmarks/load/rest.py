"""Posts referrals from many clients at once, each its own connection, one request in flight.

    python -m benchmarks.load.rest PORT CLIENTS SECONDS

The bytes are made beforehand but for the name that makes each referral unlike the others; of an
answer only the status and the length are read.
"""

import asyncio
import json
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterator

import uvloop
from tests.system.referrals import referral

from benchmarks.harness.timing import hammer, tell
from benchmarks.load.names import LETTERS, unlike
from benchmarks.ours.clinic import CLINIC

PLACE = "@NAME@"


def template() -> bytes:
    """Return a request with the place for a name, several times."""
    body = json.dumps(referral(CLINIC, 0))
    for own in ("ZZTESTREST", "ZZTESTM", "ZZREST"):
        start = body.index(f'"{own}')
        end = body.index('"', start + 1)
        body = body[:start] + f'"{own}{PLACE}' + body[end:]
    length = len(body) + body.count(PLACE) * (LETTERS - len(PLACE))
    head = [
        "POST /v1/referrals HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Idempotency-Key: {PLACE}",
        f"Content-Length: {length}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


async def main(port: int, clients: int, seconds: float) -> None:
    """Post until the time is over."""
    request = template()
    names = unlike()
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    posts = [_posting(reader, writer, request, names) for reader, writer in opened]
    samples = await hammer(posts, seconds)
    for _, writer in opened:
        writer.close()
    tell(samples, rate=len(samples) / seconds)


def _posting(
    reader: StreamReader, writer: StreamWriter, request: bytes, names: Iterator[str]
) -> Callable[[], Awaitable[object]]:
    async def post() -> None:
        writer.write(request.replace(PLACE.encode(), next(names).encode()))
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length))
        if not head.startswith(b"HTTP/1.1 201"):
            sys.exit(f"not created: {head[:40]!r} {body[:300]!r}")

    return post


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
