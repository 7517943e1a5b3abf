"""Who is at the other end of a connection, as the network and TLS tell it: no message can lie about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

FINGERPRINT = "sha256:"

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Peer:
    """An address, and what the certificate says that was shown: its names and its SHA-256."""

    address: str = ""
    names: frozenset[str] = frozenset()
    fingerprint: str = ""

    def shows(self, wanted: str) -> bool:
        """Tell whether the certificate is the wanted one: `sha256:` and digits, or a name in it."""
        told = wanted.strip().casefold()
        if told.startswith(FINGERPRINT):
            return bool(self.fingerprint) and self.fingerprint == told.removeprefix(FINGERPRINT)
        return told in self.names

    def is_within(self, networks: Sequence[Network]) -> bool:
        """Tell whether the address lies in one of the networks; every one does when none is named."""
        if not networks:
            return True
        try:
            address = ip_address(self.address.partition("%")[0])
        except ValueError:
            return False
        known = getattr(address, "ipv4_mapped", None) or address
        return any(known in network for network in networks)


ANYBODY = Peer()
"""Nobody is known to be there: a message that was not heard on a connection."""

NAMELESS = Peer("unknown")
"""Somebody whose address nobody told us: within no network."""


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks (CIDR) or single addresses; ValueError when one is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())
