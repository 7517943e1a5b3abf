"""The end of every fault test."""

import os
import time
from typing import Any

from tests.faults.conftest import World
from tests.system.audit import counts, settled, wrongs
from tests.system.traffic import Traffic

SEED = int(os.environ.get("REFERRAL_LOOP_SEED", "7"))
NONE: dict[str, Any] = {}


async def balance(
    world: World, traffic: Traffic, *, kills: int, but: dict[str, Any] = NONE
) -> None:
    """Wait for the end of everything, print the counts, and ask the books; `but` is what was provoked."""
    books = world.trio.books
    began = time.monotonic()
    balanced = await settled(books)
    took = f"quiet {time.monotonic() - began:.0f} s after the last was sent"
    print(f"\nseed {SEED}: {counts(books, traffic, kills=kills)}; {took}")
    found = wrongs(world, books, traffic)
    assert found == but, found  # said in full: pytest explains only what stands in a test's file
    assert balanced, "it did not become quiet"
    assert "ZZTEST" not in world.trio.printed()
