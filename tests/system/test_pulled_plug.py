"""kill -9 at random while referrals come in; afterwards the books must balance.

REFERRAL_LOOP_SEED chooses other moments, REFERRAL_LOOP_KILLS how many.
"""

import asyncio
import os
import random

from tests.system.audit import counts, settled, wrongs
from tests.system.conftest import World
from tests.system.traffic import Traffic

SEED = int(os.environ.get("REFERRAL_LOOP_SEED", "7"))
KILLS = int(os.environ.get("REFERRAL_LOOP_KILLS", "5"))


async def test_nothing_is_lost_or_told_twice_when_the_plug_is_pulled(world: World):
    """INVARIANT: every AA is one referral or review, every notice is confirmed once, no promise is forgotten.

    An ACK before the commit, an effect without its inbox row, or a send without its record breaks it.
    """
    await world.register_all(world.whole)
    chance = random.Random(SEED)
    traffic = Traffic()
    async with traffic.running(world.whole):
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.3, 2.0))
            await world.whole.kill()
            await world.whole.start()
        await asyncio.sleep(0.5)

    books = world.whole.books
    balanced = await settled(books, seconds=90)
    print(f"\nseed {SEED}: {counts(books, traffic, kills=KILLS)}")
    assert wrongs(world, books, traffic) == {}
    assert balanced
