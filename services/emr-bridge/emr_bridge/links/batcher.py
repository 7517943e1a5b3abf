"""Group commit: messages that wait share one transaction; each is answered only after it.

No timer: what is there is committed at once, and what arrives meanwhile is the next batch.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from common.verdicts import code_of, is_outage

log = structlog.get_logger()

MOST = 256
MOST_BYTES = 32 * 1024 * 1024

Commit = Callable[[Sequence[bytes]], Awaitable[Sequence[bytes | None]]]
Waiting = tuple[bytes, "asyncio.Future[bytes | None]"]


class GroupCommit:
    """Collects messages for `commit`, which keeps a batch and returns the answers in its order."""

    def __init__(self, commit: Commit, refuse: Callable[[bytes], bytes | None]) -> None:
        """`refuse` answers a message that could not be kept."""
        self._commit = commit
        self._refuse = refuse
        self._waiting: deque[Waiting] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def answer(self, message: bytes) -> bytes | None:
        """Return a message's answer when its batch is committed, or refused."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_all(), name="group-commit")
        return await future

    async def _flush_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._flush(batch)
            finally:
                for message, future in batch:
                    if not future.done():
                        future.set_result(self._refuse(message))

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST and (not batch or size < MOST_BYTES):
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        return batch

    async def _flush(self, batch: Sequence[Waiting]) -> None:
        """Commit a batch; where that fails, each by itself, so that only the bad one is refused."""
        try:
            answers = await self._commit([message for message, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it was, every sender is answered
            log.warning("group_commit_failed", code=code_of(error), count=len(batch))
            if len(batch) > 1 and not is_outage(error):
                for waiting in batch:
                    await self._flush([waiting])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
