"""Group commit at an edge: what waits shares one transaction, and each is answered only after it.

No timer: what is there is taken at once, and what comes meanwhile is the next batch. Knows no message.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from common import tracing
from common.verdicts import code_of, is_outage

log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 64
"""Items in one transaction: more only made the first of them wait longer, when measured."""


class GroupCommit(Generic[Item, Answer]):
    """Collects items for `commit`, which keeps a batch and returns each one's answer, or its refusal."""

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int = MOST,
    ) -> None:
        """Take `most` items into one batch."""
        self._commit = commit
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def answer(self, item: Item) -> Answer:
        """Return the item's answer when its batch is committed; raise what it was refused with."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_all(), name="group-commit")
        return await future

    async def _flush_all(self) -> None:
        tracing.leave()
        while self._waiting:
            count = min(len(self._waiting), self._most)
            batch = [self._waiting.popleft() for _ in range(count)]
            try:
                await self._flush(batch)
            finally:
                for _, future in batch:
                    future.cancel()

    async def _flush(self, batch: Sequence[tuple[Item, "asyncio.Future[Answer]"]]) -> None:
        """Commit a batch; where that fails, each by itself, so that only the bad one fails."""
        try:
            answers = await self._commit([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it was, whoever waits is told
            if len(batch) == 1 or is_outage(error):
                _tell(batch, [error] * len(batch))
                return
            log.warning("group_commit_failed", code=code_of(error), count=len(batch))
            for waiting in batch:
                await self._flush([waiting])
            return
        _tell(batch, answers)


def _tell(
    batch: Sequence[tuple[Item, "asyncio.Future[Answer]"]], answers: Sequence[Answer | Exception]
) -> None:
    """Answer each that still waits; whoever left (a client that hung up) is passed over."""
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
