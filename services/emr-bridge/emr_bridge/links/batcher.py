"""Group commit: messages that wait share one transaction; each is answered only after it.

No timer: what is there is committed at once, and what arrives meanwhile is the next batch. One
batch at a time, so that the order of the ids is the order of the commits.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from common.verdicts import code_of, is_outage
from emr_bridge.handlers.receive import Outcome
from emr_bridge.ports import AnswerTo

log = structlog.get_logger()

MOST = 256
CROWD = 12
"""From so many messages in a commit on there are more senders than there is time between them."""

MOST_BYTES = 32 * 1024 * 1024


class Sized(Protocol):
    """What has a size in bytes."""

    @property
    def size(self) -> int:
        """How much it holds."""
        ...


Item = TypeVar("Item", bound=Sized)


class GroupCommit(Generic[Item]):
    """Collects items for `commit`, which keeps a batch and returns the outcomes in its order."""

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]],
        refuse: Callable[[Item], Outcome],
        note: Callable[[Sequence[Outcome]], None],
    ) -> None:
        """`refuse` answers an item that could not be kept; `note` is told of what was answered."""
        self._commit = commit
        self._refuse = refuse
        self._note = note
        self._waiting: deque[tuple[Item, AnswerTo]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._crowd = 0

    @property
    def is_crowded(self) -> bool:
        """Whether many were kept by the last commit and wait for the next, one after the other."""
        is_busy = self._flusher is not None and not self._flusher.done()
        return is_busy and self._crowd >= CROWD

    def put(self, item: Item, answered: AnswerTo) -> None:
        """Have an item kept; `answered` is called when its batch is committed, or refused."""
        self._waiting.append((item, answered))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_all(), name="group-commit")

    async def _flush_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            self._crowd = len(batch)
            outcomes: list[Outcome] = []
            try:
                await self._flush([item for item, _ in batch], outcomes)
            finally:
                outcomes += [self._refuse(item) for item, _ in batch[len(outcomes) :]]
                for (_, answered), outcome in zip(batch, outcomes, strict=True):
                    _tell(answered, outcome.answer)
                asyncio.get_running_loop().call_soon(self._note, outcomes)

    def _next_batch(self) -> list[tuple[Item, AnswerTo]]:
        batch: list[tuple[Item, AnswerTo]] = []
        size = 0
        while self._waiting and len(batch) < MOST and (not batch or size < MOST_BYTES):
            batch.append(self._waiting.popleft())
            size += batch[-1][0].size
        return batch

    async def _flush(self, items: Sequence[Item], outcomes: list[Outcome]) -> None:
        """Commit a batch; where that fails, each by itself, so that only the bad one is refused."""
        try:
            outcomes += await self._commit(items)
        except Exception as error:  # noqa: BLE001 - whatever it was, every sender is answered
            log.warning("group_commit_failed", code=code_of(error), count=len(items))
            if len(items) == 1 or is_outage(error):
                outcomes += [self._refuse(item) for item in items]
                return
            for item in items:
                await self._flush([item], outcomes)


def _tell(answered: AnswerTo, answer: bytes | None) -> None:
    """Give an answer to one who waits; that he is gone must not keep it from the others."""
    try:
        answered(answer)
    except Exception as error:
        log.warning("answer_not_taken", exc_info=error)
