"""Sockets that listen at every address of a host, as the event loop's own servers do. Accepts nobody."""

import asyncio
import errno
import socket
from typing import Any


async def sockets_at(host: str, port: int, *, backlog: int) -> tuple[socket.socket, ...]:
    """Return a socket per address of `host` (all of this machine's where empty); port 0 chooses one each.

    OSError where the name is not known, or an address cannot be had; then none is open.
    """
    flags = socket.AI_PASSIVE
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=flags
    )
    opened: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            opened += _listening(family, address, backlog)
    except BaseException:
        for one in opened:
            one.close()
        raise
    if not opened:
        raise OSError(errno.EADDRNOTAVAIL, "no address to listen at")
    return tuple(opened)


def _listening(family: int, address: Any, backlog: int) -> list[socket.socket]:
    """Return the socket; none where the system does not have the family that the name's address is of."""
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return []
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog)
    except OSError:
        made.close()
        raise
    return [made]
