"""Where a webhook may go: the address is resolved once, checked, and then connected to as checked.

A clinic's endpoint is text from outside: without this it could name a host inside our own network.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx2

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

PORTS: Final = frozenset({443, 8443})
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: networks without IPv4 translate it to the IPv4 address in its last four bytes."""


class Forbidden(Exception):
    """The destination must not be called; `code` says why."""

    def __init__(self, code: str) -> None:
        """Name the rule that it breaks."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """A checked destination: the address to connect to, and the name that it goes by."""

    url: httpx2.URL
    host: str
    server_name: str


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Return every address of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Destinations:
    """The rule: https to a public address; plain http to this machine only where that is allowed."""

    allow_loopback: bool = False
    ports: frozenset[int] = PORTS
    resolve_host: Resolve = field(default=resolve_by_system)

    async def resolve(self, text: str) -> Target:
        """Return the checked target of a URL; Forbidden names the rule that it breaks."""
        url = _parse(text)
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._addresses(url.host, port)
        if self.allow_loopback and all(address.is_loopback for address in addresses):
            return _target(url, addresses[0])
        if url.scheme != "https":
            raise Forbidden("not_https")
        if port not in self.ports:
            raise Forbidden("port")
        if not all(is_public(address) for address in addresses):
            raise Forbidden("private_address")
        return _target(url, addresses[0])

    async def _addresses(self, host: str, port: int) -> list["Address"]:
        try:
            found = [ipaddress.ip_address(text) for text in await self.resolve_host(host, port)]
        except (OSError, UnicodeError) as error:
            raise Forbidden("unknown_host") from error
        if not found:
            raise Forbidden("unknown_host")
        return found


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: Address) -> bool:
    """Return whether an address is reachable by everyone; an IPv4 inside an IPv6 counts as IPv4."""
    inner = _ipv4_within(address) or address
    return bool(inner.is_global and not inner.is_multicast)


def _ipv4_within(address: Address) -> ipaddress.IPv4Address | None:
    """Return where a mapped, translated (NAT64) or tunnelled (6to4) address really leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


def _parse(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise Forbidden("not_a_url") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Forbidden("scheme")
    if url.userinfo:
        raise Forbidden("credentials_in_url")
    return url


def _target(url: httpx2.URL, address: Address) -> Target:
    """Connect to the address that was checked, under the host's name for TLS and Host."""
    host = url.netloc.decode("ascii")
    return Target(url.copy_with(host=str(address)), host, url.host)
