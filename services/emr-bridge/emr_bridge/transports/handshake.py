"""The port at which TLS is agreed on with whoever connects; who is refused is counted, with the reason.

Knows no MLLP. The standard library's servers speak TLS too, and tell nobody whom they refused.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

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


ADDRESS = "address"
CROWDED = "crowded"
"""Not even begun: who may not connect at all, and who comes when all places are taken."""

REASONS = frozenset(OF_CERTIFICATES.values()) | {
    *("no_certificate", "bad_certificate", "our_certificate", "not_tls", "protocol", "timeout"),
    *(LEFT, ADDRESS, CROWDED),
}
for known in REASONS:  # at 0 from the start: the first of a kind is an increase too
    metrics.handshakes_refused.labels(known)


def _nobody_is_refused(host: str) -> str | None:
    del host
    return None


class Door:
    """One port over TLS: `link` makes the protocol of each connection that comes about.

    `refusal` is asked before anything is agreed on: of an address it returns ADDRESS or CROWDED, or None.
    """

    def __init__(
        self,
        listening: Sequence[socket.socket],
        context: ssl.SSLContext,
        link: Callable[[], asyncio.Protocol],
        refusal: Callable[[str], str | None] = _nobody_is_refused,
    ) -> None:
        """Take sockets that listen."""
        self.sockets = tuple(listening)
        self._context = context
        self._link = link
        self._refusal = refusal
        self._begun: set[asyncio.Task[None]] = set()
        self._waiting: set[socket.socket] = set()

    @property
    def begun(self) -> int:
        """With how many it is being agreed on now."""
        return len(self._begun)

    async def accept(self) -> None:
        """Let in whoever comes, until cancelled; then listen no more, and leave what is half agreed on."""
        try:
            for one in self.sockets:
                one.setblocking(False)
                self._watch(one)
            await asyncio.get_running_loop().create_future()
        finally:
            self.close()
            if self._begun:
                await asyncio.wait(self._begun)

    def close(self) -> None:
        """Listen no more."""
        for one in self.sockets:
            if one.fileno() >= 0:
                asyncio.get_running_loop().remove_reader(one)
                one.close()
        for task in self._begun:
            task.cancel()
        for accepted in self._waiting:  # its task is cancelled before it took it up
            accepted.close()
        self._waiting.clear()

    def _watch(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listening, self._take, listening)

    def _take(self, listening: socket.socket) -> None:
        """Take who comes next; where the system has no descriptor left, wait until it has."""
        try:
            accepted, address = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return  # who came is gone already
        except OSError as error:
            log.warning("mllp_cannot_accept", error_class=type(error).__name__)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(BREATH_SECONDS, self._watch, listening)
            return
        self._begin(accepted, str(address[0]))

    def _begin(self, accepted: socket.socket, host: str) -> None:
        reason = self._refusal(host)
        if reason is not None:
            accepted.close()
            metrics.handshakes_refused.labels(reason).inc()
            return
        self._waiting.add(accepted)
        task = asyncio.create_task(self._agree(accepted, host))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    async def _agree(self, accepted: socket.socket, host: str) -> None:
        self._waiting.discard(accepted)  # from here on it is the transport's to close
        accepted.setblocking(False)
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
