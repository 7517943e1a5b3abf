"""The MLLP listener: joins the sockets with the handler that keeps messages."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import structlog

from common import metrics, tracing
from common.errors import Retry
from common.groupcommit import GroupCommit
from common.service import Runtime
from common.tracing import Kind, Span
from common.verdicts import code_of as failure_of
from common.verdicts import is_outage
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal, code_of
from emr_bridge.handlers import acknowledge, receive
from emr_bridge.handlers.outcome import Means
from emr_bridge.handlers.receive import Outcome
from emr_bridge.handlers.senders import Senders, Whence, all_senders
from emr_bridge.links import batches
from emr_bridge.links.callers import Callers
from emr_bridge.ports import AnswerTo, Caller
from emr_bridge.store import links
from emr_bridge.store.arrivals import arrivals_of
from emr_bridge.store.messages import NewMessage
from emr_bridge.transports.connection import Limits
from emr_bridge.transports.mllp import Binding, Server

log = structlog.get_logger()

FRESH_SECONDS = 60.0
"""How long links are believed without being read: a release from before revisions counts none."""


LOG_SECONDS = 1.0
"""How long what is kept is counted before the log has a line of it: a line costs as much as keeping."""


class NotListening(Retry):
    """The MLLP port is not ours now."""


class Arrival(NamedTuple):
    """A message at the door, and the row that it will be if these are still the links."""

    raw: bytes
    whence: Whence
    row: NewMessage
    senders: Senders


class Listener:
    """Takes messages from every link; satisfies the Inbound port."""

    def __init__(
        self, runtime: Runtime, limits: Limits, *, processing_ids: Collection[str] = ()
    ) -> None:
        """Listen only when `run` is awaited; `processing_ids` is what is taken (MSH-11), all if empty."""
        self._runtime = runtime
        self._processing_ids = frozenset(processing_ids)
        self.callers = Callers()
        self._arrivals = arrivals_of(runtime.db)
        self._senders = Senders({})
        self._fresh_until = 0.0
        self._stored = Counter[State]()
        self._batches = GroupCommit(
            self._keep, self._refuse, size_of=lambda arrival: len(arrival.raw), note=self._note
        )
        self.server = Server(self, limits)

    @property
    def is_rushed(self) -> bool:
        """Whether messages come one upon the other."""
        return self._batches.is_rushed

    async def run(self, host: str, port: int) -> None:
        """Serve plain MLLP until cancelled; then finish what is framed."""
        await self.run_all([Binding(host, port)])

    async def run_all(self, bindings: Sequence[Binding]) -> None:
        """Serve until cancelled; then finish what is framed. A port that is taken is told, and tried again."""
        knowing = asyncio.create_task(self._know_links(), name="mllp-links")
        try:
            await self.server.serve_all(bindings)
        except OSError:
            host, port = bindings[0].host, bindings[0].port
            log.warning("mllp_cannot_listen", host=host, port=port)
            raise
        finally:
            knowing.cancel()
            await asyncio.wait([knowing])
            self._log_stored()
            await self._arrivals.close()

    @property
    def knows_links(self) -> bool:
        """Tell whether the links have been read yet."""
        return self._senders.revision is not None

    async def check(self) -> None:
        """Raise NotListening while no EMR can reach us: another program may have the port."""
        if not self.server.listening.is_set():
            raise NotListening("nothing listens on the MLLP port")

    def take(self, message: bytes, answered: AnswerTo, caller: Caller) -> None:
        """Take a message, or each message of a batch where the link sends batches."""
        if not batches.is_batch(message):
            self._take(message, answered, caller)
            return
        if not self.knows_links:
            self._turn_away(message, ack.CANNOT_STORE, answered)
            return
        batch = batches.opened(message, self._senders)
        if batch is None:
            self._take(message, answered, caller)
            return
        answers = batches.Answers(batch, answered, clock=self._runtime.clock)
        for one in batch.messages:
            self._take(one, answers.next(), caller)

    def _take(self, message: bytes, answered: AnswerTo, caller: Caller) -> None:
        """Prepare a message at once, while others are committed; keep it with the next batch."""
        span = tracing.begun("receive message", kind=Kind.SERVER, parent=None)
        arrival = self._prepared(message, Whence(caller.peer, span.traceparent))
        if not self.callers.admit(caller, self._senders.by_id(arrival.row.link_id)):
            self._turn_away(message, ack.TOO_MANY_CONNECTIONS, answered)
            caller.finish()
            return
        told = _ending(span, arrival.row, answered) if span.is_recorded else answered
        self._batches.put(arrival, lambda outcome: told(outcome.answer))

    def _turn_away(self, message: bytes, refusal: Refusal, answered: AnswerTo) -> None:
        """Have it come again later."""
        answer = receive.turn_away(message, refusal, self._senders, now=self._runtime.clock())
        log.warning("mllp_message_turned_away", reason=refusal.reason)
        self._note([Outcome(answer)])
        answered(answer)

    def refuse_oversized(self, head: bytes, caller: Caller) -> bytes:
        """Answer a message that is too large to be kept."""
        del caller  # it is cut off by who found out
        answer = receive.too_large(head, self._senders, now=self._runtime.clock())
        self._note([Outcome(answer)])
        return answer

    def gone(self, caller: Caller) -> None:
        """Forget a connection that is closed."""
        self.callers.forget(caller)

    def _prepared(self, raw: bytes, whence: Whence) -> Arrival:
        runtime, senders = self._runtime, self._senders
        row = receive.prepare(
            raw,
            senders,
            whence=whence,
            sealer=runtime.sealer,
            now=runtime.clock(),
            processing_ids=self._processing_ids,
        )
        return Arrival(raw, whence, row, senders)

    async def _keep(self, batch: Sequence[Arrival]) -> list[Outcome]:
        """Commit a batch: in one statement what is new, in a transaction what is not.

        What an EMR's application says of a message of ours is recorded with its keeping.
        """
        now_known = [
            a if a.senders is self._senders else self._prepared(a.raw, a.whence) for a in batch
        ]
        rows = [arrival.row for arrival in now_known]
        answers = {row.id for row in rows if row.state is State.IGNORED}
        others = [row for row in rows if row.id not in answers]
        added = self._arrivals.add(others, revision=self._revision()) if others else None
        left = answers | (await added if added else set())
        if not left:
            return [Outcome(row.ack or None, row) for row in rows]
        outcomes = iter(await self._keep_rest([a for a in now_known if a.row.id in left]))
        return [next(outcomes) if row.id in left else Outcome(row.ack or None, row) for row in rows]

    async def _keep_rest(self, rest: Sequence[Arrival]) -> list[Outcome]:
        """Keep what is not new, or whose links may have changed: by the links as they are now."""
        runtime, now = self._runtime, self._runtime.clock()
        async with runtime.db.begin() as tx:
            if self._revision() != await links.revision(tx):
                self._senders = await all_senders(tx)
                self._fresh_until = asyncio.get_running_loop().time() + FRESH_SECONDS
            outcomes = await receive.receive(
                tx,
                [arrival.raw for arrival in rest],
                whence=[arrival.whence for arrival in rest],
                sealer=runtime.sealer,
                now=now,
                senders=self._senders,
                processing_ids=self._processing_ids,
            )
            means = Means(runtime.sealer)
            for arrival, outcome in zip(rest, outcomes, strict=True):
                if outcome.new is not None and outcome.new.state is State.IGNORED:
                    link_id = outcome.new.link_id
                    await acknowledge.take_answer(
                        tx, arrival.raw, link_id=link_id, means=means, now=now
                    )
        return outcomes

    async def _know_links(self) -> None:
        """Know the links from the start; without a database they are asked for at the first message."""
        try:
            async with self._runtime.db.read() as tx:
                known = await all_senders(tx)
            if self._senders.revision is None:
                self._senders = known
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("links_unknown", code=failure_of(error))

    def _revision(self) -> int | None:
        """Return the revision of the links that we know, None where they must be read again."""
        is_fresh = asyncio.get_running_loop().time() < self._fresh_until
        return self._senders.revision if is_fresh else None

    def _refuse(self, arrival: Arrival, _: Exception) -> Outcome:
        now = self._runtime.clock()
        return Outcome(receive.cannot_store(arrival.raw, arrival.senders, now=now))

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        """Count what was answered, after it was; it is logged with what comes in the same second."""
        codes = Counter(code_of(outcome.answer) for outcome in outcomes if outcome.answer)
        for code, count in codes.items():
            metrics.acknowledgements.labels("mllp", code).inc(count)
        rows = [outcome.new for outcome in outcomes if outcome.new]
        for row in rows:
            if row.reason == ack.FOREIGN_SENDER.reason:
                log.warning("mllp_foreign_sender", message_id=str(row.id), sender=row.sender)
        states = Counter(row.state for row in rows)
        for state, count in states.items():
            metrics.messages_received.labels("mllp", state.value).inc(count)
        if states and not self._stored:
            asyncio.get_running_loop().call_later(LOG_SECONDS, self._log_stored)
        self._stored += states

    def _log_stored(self) -> None:
        for state, count in self._stored.items():
            log.info("messages_stored", state=state.value, count=count)
        self._stored.clear()


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
