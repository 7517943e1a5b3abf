"""TLS at the door: what we show, whom we believe, and what a peer showed. 1.2 at least."""

import asyncio
import hashlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from common.errors import Misconfigured
from emr_bridge.domain.peer import NAMELESS, Peer

log = structlog.get_logger()

LOOK_SECONDS = 30.0
"""How often the files are looked at: a renewed certificate is shown soon after."""


@dataclass
class Certificates:
    """Our certificate and key, and the authority of our peers' (None: they need none), as PEM files."""

    certificate: Path
    key: Path | None = None
    client_authority: Path | None = None
    context: ssl.SSLContext = field(init=False)
    """To listen with; each connection is taken by the files as they are then."""
    _current: ssl.SSLContext = field(init=False, repr=False)
    seen: tuple[int, ...] = ()
    """When the files that are in use were written."""

    def __post_init__(self) -> None:
        """Read them; Misconfigured when they cannot be used."""
        try:
            self.seen = self._changed()
            self.context = self._current = self._loaded()
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"MLLP over TLS: {error.strerror or 'unusable'}") from error
        self.context.sni_callback = self._show_current

    async def keep_current(self, every: float = LOOK_SECONDS) -> None:
        """Read them again whenever they changed, until cancelled; what is unusable changes nothing."""
        while True:
            await asyncio.sleep(every)
            self.refresh()

    def refresh(self) -> bool:
        """Read the files again if they changed; tell whether new connections see new ones."""
        try:
            if (seen := self._changed()) == self.seen:
                return False
            self._current, self.seen = self._loaded(), seen
        except (OSError, ssl.SSLError) as error:
            log.warning("mllp_certificate_unusable", reason=type(error).__name__)
            return False
        log.info("mllp_certificate_renewed")
        return True

    def _loaded(self) -> ssl.SSLContext:
        """Return a new context: from one that is in use no authority can be taken away."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.num_tickets = 0
        made.options |= ssl.OP_NO_TICKET
        made.load_cert_chain(self.certificate, self.key)
        if self.client_authority:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(self.client_authority)
        return made

    def _show_current(
        self, session: ssl.SSLSocket | ssl.SSLObject, name: str | None, first: ssl.SSLContext
    ) -> None:
        """Have a handshake go on as the files are now; it is asked whether or not a name is named."""
        del name, first
        session.context = self._current

    def _changed(self) -> tuple[int, ...]:
        files = (self.certificate, self.key, self.client_authority)
        return tuple(file.stat().st_mtime_ns for file in files if file)


def peer_of(transport: Any) -> Peer:
    """Return who is at the other end of a connection that was just accepted."""
    name = transport.get_extra_info("peername")
    address = str(name[0]) if isinstance(name, tuple) else ""
    session = transport.get_extra_info("ssl_object")
    shown = session.getpeercert(binary_form=True) if session else None
    if not shown:
        return Peer(address) if address else NAMELESS
    certificate = session.getpeercert() or {}
    return Peer(address, _names(certificate), hashlib.sha256(shown).hexdigest())


def _names(certificate: dict[str, Any]) -> frozenset[str]:
    """Return the names and addresses of its SAN, and its common name, in small letters."""
    # A directory name is a tuple of parts, and no name by which we know anybody.
    alternative = [
        value for _, value in certificate.get("subjectAltName", ()) if isinstance(value, str)
    ]
    common = [
        value
        for part in certificate.get("subject", ())
        for kind, value in part
        if kind == "commonName"
    ]
    return frozenset(name.casefold() for name in (*alternative, *common))
