"""The port at which TLS is agreed on with whoever connects; who is refused is counted, with the reason.

Knows no MLLP. The standard library's servers speak TLS too, and tell nobody whom they refused.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import structlog

from common import metrics

log = structlog.get_logger()

HANDSHAKE_SECONDS = 10.0
BREATH_SECONDS = 1.0
"""How long nobody is accepted where the system has no descriptor left."""

OF_CERTIFICATES = {9: "not_yet_valid", 10: "expired"} | dict.fromkeys(
    (2, 18, 19, 20, 21), "unknown_authority"
)
"""What OpenSSL finds in a peer's certificate (X509_V_ERR_…)."""

NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"})
WITHOUT = "PEER_DID_NOT_RETURN_A_CERTIFICATE"
OF_OURS = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_", "UNSUPPORTED_CERTIFICATE")
"""How a peer says that it does not believe what we show, after `ALERT_`."""

LEFT = "left"
"""Gone without a word: a balancer that only looks whether we are there, or a peer that gives no reason."""


class Door:
    """One port over TLS: `link` makes the protocol of each connection that comes about."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        link: Callable[[], asyncio.Protocol],
    ) -> None:
        """Take a socket that listens."""
        listening.setblocking(False)
        self.sockets = (listening,)
        self._listening = listening
        self._context = context
        self._link = link
        self._begun: set[asyncio.Task[None]] = set()

    async def accept(self) -> None:
        """Let in whoever comes, until cancelled; then listen no more, and leave what is half agreed on."""
        try:
            while True:
                accepted, address = await self._next()
                task = asyncio.create_task(self._agree(accepted, str(address[0])))
                self._begun.add(task)
                task.add_done_callback(self._begun.discard)
        finally:
            self.close()

    def close(self) -> None:
        """Listen no more."""
        for task in self._begun:
            task.cancel()
        self._listening.close()

    async def _next(self) -> tuple[socket.socket, tuple[Any, ...]]:
        """Return who comes next; where the system has no descriptor left, wait until it has."""
        while True:
            try:
                return await asyncio.get_running_loop().sock_accept(self._listening)
            except ConnectionError:
                continue  # who came is gone already
            except OSError as error:
                log.warning("mllp_cannot_accept", error_class=type(error).__name__)
                await asyncio.sleep(BREATH_SECONDS)

    async def _agree(self, accepted: socket.socket, host: str) -> None:
        with contextlib.suppress(OSError):  # who came may be gone already
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._link, accepted, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError as error:
            _refused(reason_of(error), host)


def _refused(reason: str, host: str) -> None:
    metrics.handshakes_refused.labels(reason).inc()
    tell = log.debug if reason == LEFT else log.warning
    tell("mllp_handshake_refused", reason=reason, host=host)


def reason_of(error: OSError) -> str:
    """Return in a word why TLS was not agreed on, by what OpenSSL says; one of a small closed set."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return OF_CERTIFICATES.get(error.verify_code, "bad_certificate")
    if isinstance(error, ssl.SSLError):
        return _of_protocol(error.reason or "")
    return "timeout" if isinstance(error, ConnectionAbortedError) else LEFT


def _of_protocol(reason: str) -> str:
    _, alert, told = reason.partition("ALERT_")
    if reason == WITHOUT:
        return "no_certificate"
    if reason in NOT_TLS:
        return "not_tls"
    return "our_certificate" if alert and told.startswith(OF_OURS) else "protocol"
