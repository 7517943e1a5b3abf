"""Which hosts only this machine can reach. Knows nothing of who may call."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
