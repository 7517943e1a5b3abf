"""The calls in progress: from an accepted fax to its end and the webhooks that tell of it.

One task for each fax; knows the clock and the exchange, and nothing of HTTP requests.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.fax_gateway.archive import Archive
from simulators.fax_gateway.behaviour import ALL_PAGES, Ending, Step, Webhooks
from simulators.fax_gateway.exchange import Exchange
from simulators.fax_gateway.fax import Fax, Status
from simulators.fax_gateway.webhooks import Claim, WebhookSender, claims


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, in seconds; the fax's own retryDelaySeconds is not waited for."""

    answer_after: float = 0.2
    redial_after: float = 0.05
    webhook_retry_after: float = 0.2


class Calls:
    """Brings every accepted fax to its end."""

    def __init__(
        self, exchange: Exchange, archive: Archive, timing: Timing, project_id: str
    ) -> None:
        self._exchange, self._archive, self._timing = exchange, archive, timing
        self._project_id = project_id
        self._sender = WebhookSender(retry_after=timing.webhook_retry_after)
        self._tasks: set[asyncio.Task[None]] = set()

    def place(self, fax: Fax, step: Step) -> None:
        """Start the call that an accepted fax asks for."""
        self._start(self._call(fax, step))

    def announce(self, fax: Fax) -> None:
        """Tell of an inbound fax: it is complete, its callback URL gets INCOMING_FAX."""
        self._start(self._receive(fax))

    @property
    def is_idle(self) -> bool:
        """Tell whether every call has ended and every webhook was answered or given up."""
        return not self._tasks

    async def stop(self) -> None:
        """Hang up all calls; whatever went wrong in one of them is raised here."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("calls failed", failures)

    async def close(self) -> None:
        """Stop and let go of the connections."""
        try:
            await self.stop()
        finally:
            await self._sender.close()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget_unless_failed)

    def _forget_unless_failed(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._tasks.discard(task)
        else:
            context = {"message": "a call failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)

    async def _call(self, fax: Fax, step: Step) -> None:
        await asyncio.sleep(self._timing.answer_after / 2)
        fax.status = Status.IN_PROGRESS
        await asyncio.to_thread(self._archive.print_pages, fax)
        await asyncio.sleep(self._timing.answer_after / 2)
        ending, webhooks = await self._dial_until_answered(fax, step)
        completed = datetime.now(UTC)
        fax.finish(ending, completed)
        if fax.request.callback_url:
            for claim in claims(webhooks, fax.as_json(self._project_id), completed):
                await self._sender.post(fax, claim)

    async def _dial_until_answered(self, fax: Fax, step: Step) -> tuple[Ending, Webhooks]:
        if fax.document.problem:
            return fax.document.problem, step.webhooks
        while self._redials(fax, step.ending):
            await asyncio.sleep(self._timing.redial_after)
            fax.retry_count += 1
            step = self._exchange.next_step(fax.to)
        return step.ending, step.webhooks

    def _redials(self, fax: Fax, ending: Ending) -> bool:
        left = fax.retry_count < fax.request.max_retries
        return left and not ending.delivered and ending.redials

    async def _receive(self, fax: Fax) -> None:
        await asyncio.to_thread(self._archive.print_pages, fax)
        now = datetime.now(UTC)
        fax.finish(ALL_PAGES, now)
        if fax.request.callback_url:
            claim = Claim("INCOMING_FAX", now, fax.as_json(self._project_id))
            await self._sender.post(fax, claim)
