"""kill -9 at random while referrals come in; afterwards the books must balance.

REFERRAL_LOOP_SEED chooses other moments, REFERRAL_LOOP_KILLS how many.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
from tests.system.books import Books
from tests.system.conftest import World
from tests.system.referrals import referral
from tests.system.whole import until

from simulators.emr import EmrClient, NoAnswerError
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered

SEED = int(os.environ.get("REFERRAL_LOOP_SEED", "7"))
KILLS = int(os.environ.get("REFERRAL_LOOP_KILLS", "5"))
KINDS = ("REF^I12", "ORM^O01", "OMP^O09", "RDE^O11")
PAUSE = 0.03


@dataclass
class Traffic:
    """What the clinics sent and were told; they send again until they are answered."""

    acknowledged: list[str] = field(default_factory=list)
    created: dict[str, set[str]] = field(default_factory=dict)
    repeats: int = 0
    ended: bool = False

    async def send_messages(self, world: World) -> None:
        """Send HL7 messages one after the other; what got no answer is sent again, the same bytes."""
        number = 0
        while not self.ended:
            number += 1
            control_id = f"PLUG{number}"
            envelope = Envelope(control_id=control_id, sent_at=datetime.now(UTC))
            message = BUILDERS[KINDS[number % len(KINDS)]](numbered(number), envelope)
            answer = await self._until_answered(world, message)
            assert b"MSA|AA|" + control_id.encode() in answer
            self.acknowledged.append(control_id)
            await asyncio.sleep(PAUSE)

    async def _until_answered(self, world: World, message: bytes) -> bytes:
        while True:
            with contextlib.suppress(OSError, NoAnswerError, asyncio.IncompleteReadError):
                async with EmrClient("127.0.0.1", world.whole.mllp_port, timeout=5) as emr:
                    return await emr.send(message)
            self.repeats += 1
            await asyncio.sleep(0.1)

    async def post_referrals(self, world: World) -> None:
        """Post referrals, each under one key; what got no answer is posted again."""
        number = 100_000
        while not self.ended:
            number += 1
            clinic = ("zz-fax", "zz-hook")[number % 2]
            await self._until_created(world, f"plug-{number}", referral(clinic, number))
            await asyncio.sleep(PAUSE)

    async def _until_created(self, world: World, key: str, body: dict[str, object]) -> None:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                answer = await world.whole.call(
                    "POST", "/intake/v1/referrals", json=body, headers={"Idempotency-Key": key}
                )
                if answer.status_code == 201:
                    self.created.setdefault(key, set()).add(answer.json()["id"])
                    return
                assert answer.status_code in {409, 503}, answer.text
            self.repeats += 1
            await asyncio.sleep(0.1)


async def test_nothing_is_lost_or_told_twice_when_the_plug_is_pulled(world: World):
    """INVARIANT: every AA is one referral or review, every notice is confirmed once, no promise is forgotten.

    An ACK before the commit, an effect without its inbox row, or a send without its record breaks it.
    """
    await world.register_all()
    chance = random.Random(SEED)
    traffic = Traffic()
    senders = [
        asyncio.create_task(traffic.send_messages(world)),
        asyncio.create_task(traffic.post_referrals(world)),
    ]
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.3, 2.0))
        await world.whole.kill()
        await world.whole.start()
    await asyncio.sleep(0.5)
    traffic.ended = True
    await asyncio.gather(*senders)

    books = Books(world.whole.folder / "data")
    await until(lambda: _quiet(books), seconds=90, every=0.5)
    _print_counts(books, traffic)
    assert books.unaccounted(traffic.acknowledged) == {}
    assert [key for key, ids in traffic.created.items() if len(ids) != 1] == []
    assert books.count("intake", "SELECT count(*) FROM referrals WHERE door='rest'") == len(
        traffic.created
    )
    assert books.published_but_unhandled() == 0
    assert books.confirmed_twice() == []
    assert books.without_promise() == 0
    assert _told_twice(world, books) == []
    assert _unpromised(books) == 0


async def _quiet(books: Books) -> bool:
    if not books.is_quiet():
        return False
    await asyncio.sleep(1)
    return books.is_quiet()


def _told_twice(world: World, books: Books) -> Sequence[str]:
    """Return what a far side got twice under two names: a repeat under the same id is its own to drop."""
    known = dict(books.rows("notifications", "SELECT id, notice_id FROM deliveries"))
    query = "SELECT a.id, d.notice_id FROM attempts a JOIN deliveries d ON d.id = a.delivery_id"
    known |= dict(books.rows("notifications", query))
    pages = [
        known[label.replace("-", "")]
        for fax in world.gateway.faxes
        for label in fax.request.labels.values()
        if fax.status == "COMPLETED"
    ]
    query = "SELECT DISTINCT delivery_id, control_id FROM outbound WHERE part='report'"
    reports = [known[delivery] for delivery, _ in books.rows("emr-bridge", query)]
    told = Counter(pages) + Counter(reports)
    return [notice for notice, times in told.items() if times > 1]


def _unpromised(books: Books) -> int:
    received = {e["subject"] for e in books.events() if e["type"] == "referral.received.v1"}
    query = "SELECT referral_id FROM promises WHERE kind='referral_received'"
    promised = {r for (r,) in books.rows("notifications", query)}
    return len({r.replace("-", "") for r in received} - {p.replace("-", "") for p in promised})


def _print_counts(books: Books, traffic: Traffic) -> None:
    duplicates = books.count("emr-bridge", "SELECT coalesce(sum(duplicates), 0) FROM messages")
    print(
        f"\nseed {SEED}: {KILLS} kills, {len(traffic.acknowledged)} messages acknowledged, "
        f"{len(traffic.created)} posted, {traffic.repeats} repeats sent, "
        f"{duplicates} duplicates absorbed, lost = {len(books.unaccounted(traffic.acknowledged))}"
    )
