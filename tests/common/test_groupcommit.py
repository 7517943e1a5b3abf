import asyncio
from collections.abc import Sequence

import pytest

from common.groupcommit import GroupCommit


class Books:
    """Keeps what it is given; a batch with a bad item in it fails whole, as a transaction does."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def commit(self, items: Sequence[str]) -> list[str | Exception]:
        await self.open.wait()
        if "bad" in items:
            raise ValueError("a constraint")
        if "away" in items:
            raise ConnectionError("the database is away")
        self.batches.append(list(items))
        return [KeyError(item) if item == "refused" else item.upper() for item in items]


async def test_what_comes_during_a_commit_is_the_next_batch_and_never_more_than_it_may_be():
    books = Books()
    books.open.clear()
    together = GroupCommit(books.commit, most=3)
    first = asyncio.create_task(together.answer("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(together.answer(item)) for item in "bcdef"]
    await asyncio.sleep(0)
    books.open.set()
    assert await asyncio.gather(first, *rest) == list("ABCDEF")
    assert books.batches == [["a"], ["b", "c", "d"], ["e", "f"]]


async def test_a_bad_item_fails_alone_and_its_neighbours_are_kept():
    books = Books()
    together = GroupCommit(books.commit)
    answers = await asyncio.gather(
        *(together.answer(item) for item in ("a", "bad", "b")), return_exceptions=True
    )
    assert [answers[0], answers[2]] == ["A", "B"]
    assert isinstance(answers[1], ValueError)
    assert books.batches == [["a"], ["b"]]


async def test_a_refusal_is_raised_to_the_one_that_it_is_for():
    together = GroupCommit(Books().commit)
    answers = await asyncio.gather(
        *(together.answer(item) for item in ("a", "refused")), return_exceptions=True
    )
    assert answers[0] == "A"
    assert isinstance(answers[1], KeyError)


async def test_in_an_outage_all_are_told_and_none_is_tried_again():
    together = GroupCommit(Books().commit)
    answers = await asyncio.gather(
        *(together.answer(item) for item in ("a", "away", "b")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [ConnectionError] * 3


async def test_whoever_left_does_not_keep_the_others_from_their_answers():
    books = Books()
    books.open.clear()
    together = GroupCommit(books.commit)
    leaving = asyncio.create_task(together.answer("a"))
    staying = asyncio.create_task(together.answer("b"))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    books.open.set()
    assert await staying == "B"
    assert books.batches == [["a", "b"]]
