"""The MLLP listener: joins the sockets with the handler that keeps messages."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from common import metrics, tracing
from common.errors import Retry
from common.service import Runtime
from common.tracing import Kind, Span
from emr_bridge.formats.hl7v2.ack import code_of
from emr_bridge.handlers import receive
from emr_bridge.handlers.receive import Outcome
from emr_bridge.handlers.senders import Senders, all_senders
from emr_bridge.links.batcher import GroupCommit
from emr_bridge.ports import AnswerTo
from emr_bridge.store import links
from emr_bridge.store.arrivals import arrivals_of
from emr_bridge.store.messages import NewMessage
from emr_bridge.transports.connection import Limits
from emr_bridge.transports.mllp import Server

log = structlog.get_logger()

FRESH_SECONDS = 60.0
"""How long links are believed without being read: a release from before revisions counts none."""


class NotListening(Retry):
    """The MLLP port is not ours now."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message at the door, and the row that it will be if these are still the links."""

    raw: bytes
    row: NewMessage
    senders: Senders

    @property
    def size(self) -> int:
        """The message's bytes."""
        return len(self.raw)


class Listener:
    """Takes messages from every link; satisfies the Inbound port."""

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        """Listen only when `run` is awaited."""
        self._runtime = runtime
        self._arrivals = arrivals_of(runtime.db)
        self._senders = Senders({})
        self._fresh_until = 0.0
        self._batches = GroupCommit(self._keep, self._refuse, self._note)
        self.server = Server(self, limits)

    @property
    def busy_seconds(self) -> float:
        """For how long of its life it has had something to commit."""
        return self._batches.busy_seconds

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; then finish what is framed. A port that is taken is told, and tried again."""
        try:
            await self.server.serve(host, port)
        except OSError:
            log.warning("mllp_cannot_listen", host=host, port=port)
            raise
        finally:
            await self._arrivals.close()

    async def check(self) -> None:
        """Raise NotListening while no EMR can reach us: another program may have the port."""
        if not self.server.listening.is_set():
            raise NotListening("nothing listens on the MLLP port")

    def take(self, message: bytes, answered: AnswerTo) -> None:
        """Prepare a message at once, while others are committed; keep it with the next batch."""
        span = tracing.begun("receive message", kind=Kind.SERVER, parent=None)
        arrival = self._prepared(message, span.traceparent)
        self._batches.put(
            arrival, _ending(span, arrival.row, answered) if span.is_recorded else answered
        )

    def refuse_oversized(self, head: bytes) -> bytes:
        """Answer a message that is too large to be kept."""
        answer = receive.too_large(head, now=self._runtime.clock())
        self._note([Outcome(answer)])
        return answer

    def _prepared(self, raw: bytes, trace: str | None) -> Arrival:
        runtime, senders = self._runtime, self._senders
        now = runtime.clock()
        row = receive.prepare(raw, senders, sealer=runtime.sealer, now=now, trace=trace)
        return Arrival(raw, row, senders)

    async def _keep(self, batch: Sequence[Arrival]) -> list[Outcome]:
        """Commit a batch: in one statement what is new, in a transaction what is not."""
        now_known = [
            a if a.senders is self._senders else self._prepared(a.raw, a.row.traceparent)
            for a in batch
        ]
        rows = [arrival.row for arrival in now_known]
        left = await self._arrivals.add(rows, revision=self._revision())
        if not left:
            return [Outcome(row.ack or None, row) for row in rows]
        outcomes = iter(await self._keep_rest([a for a in now_known if a.row.id in left]))
        return [next(outcomes) if row.id in left else Outcome(row.ack or None, row) for row in rows]

    async def _keep_rest(self, rest: Sequence[Arrival]) -> list[Outcome]:
        """Keep what is not new, or whose links may have changed; then know the links as they are."""
        runtime, now = self._runtime, self._runtime.clock()
        raws, traces = [a.raw for a in rest], [a.row.traceparent for a in rest]
        async with runtime.db.begin() as tx:
            outcomes = await receive.receive(
                tx, raws, traces=traces, sealer=runtime.sealer, now=now
            )
            if self._revision() != await links.revision(tx):
                self._senders = await all_senders(tx)
                self._fresh_until = asyncio.get_running_loop().time() + FRESH_SECONDS
        return outcomes

    def _revision(self) -> int | None:
        """Return the revision of the links that we know, None where they must be read again."""
        is_fresh = asyncio.get_running_loop().time() < self._fresh_until
        return self._senders.revision if is_fresh else None

    def _refuse(self, arrival: Arrival) -> Outcome:
        return Outcome(receive.cannot_store(arrival.raw, now=self._runtime.clock()))

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        """Count and log what was answered, after it was."""
        codes = Counter(code_of(outcome.answer) for outcome in outcomes if outcome.answer)
        for code, count in codes.items():
            metrics.acknowledgements.labels("mllp", code).inc(count)
        rows = [outcome.new for outcome in outcomes if outcome.new]
        for state, count in Counter(row.state for row in rows).items():
            metrics.messages_received.labels("mllp", state.value).inc(count)
            log.info("messages_stored", state=state.value, count=count)


def _ending(span: Span, row: NewMessage, answered: AnswerTo) -> AnswerTo:
    """Return what answers and then ends the message's span."""

    def answer(given: bytes | None) -> None:
        try:
            answered(given)
        finally:
            code = code_of(given) if given else None
            span.note(message_id=row.id, link=row.link_id, size=row.size, acknowledgement=code)
            span.end()

    return answer
