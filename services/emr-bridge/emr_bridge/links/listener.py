"""The MLLP listener: joins the sockets with the handler that keeps messages."""

from collections.abc import Sequence

import structlog

from common import metrics
from common.errors import Retry
from common.service import Runtime
from emr_bridge.formats.hl7v2.ack import code_of
from emr_bridge.handlers import receive
from emr_bridge.links.batcher import GroupCommit
from emr_bridge.transports.mllp import Limits, Server

log = structlog.get_logger()


class NotListening(Retry):
    """The MLLP port is not ours now."""


class Listener:
    """Takes messages from every link; satisfies the Inbound port."""

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        """Listen only when `run` is awaited."""
        self._runtime = runtime
        self._batches = GroupCommit(self._commit, self._refuse)
        self.server = Server(self, limits)

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; then finish what is framed. A port that is taken is told, and tried again."""
        try:
            await self.server.serve(host, port)
        except OSError:
            log.warning("mllp_cannot_listen", host=host, port=port)
            raise

    async def check(self) -> None:
        """Raise NotListening while no EMR can reach us: another program may have the port."""
        if not self.server.listening.is_set():
            raise NotListening("nothing listens on the MLLP port")

    async def answer(self, message: bytes) -> bytes | None:
        """Keep a message durably, then return its answer."""
        answer = await self._batches.answer(message)
        if answer is not None:
            _count(answer)
        return answer

    def refuse_oversized(self, head: bytes) -> bytes:
        """Answer a message that is too large to be kept."""
        answer = receive.too_large(head, now=self._runtime.clock())
        _count(answer)
        return answer

    async def _commit(self, messages: Sequence[bytes]) -> Sequence[bytes | None]:
        """Open the one transaction of a batch; its answers exist only after the commit."""
        now = self._runtime.clock()
        async with self._runtime.db.begin() as tx:
            return await receive.receive(tx, messages, sealer=self._runtime.sealer, now=now)

    def _refuse(self, message: bytes) -> bytes | None:
        return receive.cannot_store(message, now=self._runtime.clock())


def _count(answer: bytes) -> None:
    metrics.acknowledgements.labels("mllp", code_of(answer)).inc()
