"""Group commit at an edge: what waits shares one transaction, and each is answered only after it.

No timer: what is there is taken at once, and what comes meanwhile is the next batch; of a crowd a half at a
time. One batch at a time, so that the order of the ids is the order of the commits. Knows no message.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import structlog

from common import tracing
from common.errors import Retry
from common.verdicts import code_of, is_outage

log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 256
MOST_BYTES = 32 * 1024 * 1024

CROWD = 12
"""From so many items in a commit on there are more senders than there is time between them."""

RUSH = 200
RUSH_SECONDS = 0.25
"""So many items in such a time are a rush: whoever sends them waits for nothing but his answers."""


class GroupCommit(Generic[Item, Answer]):
    """Collects items for `commit`, which keeps a batch and returns the answers in its order."""

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        refuse: Callable[[Item, Exception], Answer],
        *,
        most: int = MOST,
        size_of: Callable[[Item], int] = lambda _: 0,
        note: Callable[[Sequence[Answer]], None] = lambda _: None,
    ) -> None:
        """Take `most` items into one batch, and about MOST_BYTES by `size_of`.

        `refuse` answers an item that could not be kept; `note` is told of what was answered, after.
        """
        self._commit = commit
        self._refuse = refuse
        self._most = most
        self._size_of = size_of
        self._note = note
        self._waiting: deque[tuple[Item, Callable[[Answer], None]]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._last = 0
        self._rush = Rush()

    @property
    def is_rushed(self) -> bool:
        """Whether items come one upon the other, of many senders or of one."""
        return self._rush.is_on(asyncio.get_running_loop().time())

    def put(self, item: Item, answered: Callable[[Answer], None]) -> None:
        """Have an item kept; `answered` is called when its batch is committed, or refused."""
        self._waiting.append((item, answered))
        self._rush.note(asyncio.get_running_loop().time())
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_all(), name="group-commit")

    async def answer(self, item: Item) -> Answer:
        """Return an item's answer when its batch is committed, or refused."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.put(item, partial(_settle, future))
        return await future

    async def _flush_all(self) -> None:
        tracing.leave()  # a batch is no part of the request that happened to begin it
        while self._waiting:
            batch = self._next_batch()
            self._last = len(batch)
            answers: list[Answer] = []
            try:
                await self._flush([item for item, _ in batch], answers)
            finally:
                left = [self._refuse(item, BrokenOff()) for item, _ in batch[len(answers) :]]
                answers += left
                for (_, answered), answer in zip(batch, answers, strict=True):
                    _tell(answered, answer)
                asyncio.get_running_loop().call_soon(self._note, answers)

    def _next_batch(self) -> list[tuple[Item, Callable[[Answer], None]]]:
        """Take what waits; of a crowd no more than half, so that the other half is made ready meanwhile.

        Whoever was just answered belongs to it: he comes back with the next.
        """
        batch: list[tuple[Item, Callable[[Answer], None]]] = []
        size, crowd = 0, len(self._waiting) + self._last
        most = self._most if crowd < 2 * CROWD else min(self._most, (crowd + 1) // 2)
        while self._waiting and len(batch) < most and (not batch or size < MOST_BYTES):
            batch.append(self._waiting.popleft())
            size += self._size_of(batch[-1][0])
        return batch

    async def _flush(self, items: Sequence[Item], answers: list[Answer]) -> None:
        """Commit a batch; where that fails, each by itself, so that only the bad one is refused."""
        try:
            answers += await self._commit(items)
        except Exception as error:  # noqa: BLE001 - whatever it was, whoever waits is told
            log.warning("group_commit_failed", code=code_of(error), count=len(items))
            if len(items) == 1 or is_outage(error):
                answers += [self._refuse(item, error) for item in items]
                return
            for item in items:
                await self._flush([item], answers)


class Rush:
    """Whether RUSH items came within RUSH_SECONDS, in the span of time that runs or the one before it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._began = 0.0
        self._count = 0
        self._before = 0

    def note(self, now: float) -> None:
        """Count an item that comes now."""
        self._go_on(now)
        self._count += 1

    def is_on(self, now: float) -> bool:
        """Return whether there were so many; a moment without any is still part of the rush."""
        self._go_on(now)
        return max(self._before, self._count) >= RUSH

    def _go_on(self, now: float) -> None:
        passed = now - self._began
        if passed >= RUSH_SECONDS:
            self._before = self._count if passed < 2 * RUSH_SECONDS else 0
            self._began, self._count = now, 0


class BrokenOff(Retry):
    """The batch was not committed: the process is stopping."""


def _settle(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    """Answer who still waits; whoever left (a client that hung up) is passed over."""
    if not future.done():
        future.set_result(answer)


def _tell(answered: Callable[[Answer], None], answer: Answer) -> None:
    """Give an answer to one who waits; that he is gone must not keep it from the others."""
    try:
        answered(answer)
    except Exception as error:
        log.warning("answer_not_taken", exc_info=error)
