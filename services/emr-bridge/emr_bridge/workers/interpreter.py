"""The loop that reads what was kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum

import structlog

from common.database import Transaction
from common.service import Runtime
from common.verdicts import is_momentary, is_outage
from common.worker import poll
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful
from emr_bridge.handlers import interpret, marks, reply
from emr_bridge.handlers.interpret import Oldest, Understood
from emr_bridge.handlers.marks import Marks
from emr_bridge.handlers.record import record
from emr_bridge.store import readings
from emr_bridge.workers.reading import ALL, Reader, read_here

log = structlog.get_logger()

INTERVAL_SECONDS = 1.0
"""How often a loop looks without being woken."""

LONGEST_PAUSE_SECONDS = 1.0
"""How long reading gives way to a rush at the door; then it reads some all the same."""

LOOK_SECONDS = 0.02
"""How often it looks whether the rush is over."""

OVERDUE_SECONDS = 10.0
"""How old a message becomes while reading gives way; when one is older, reading goes on."""

TURN_SECONDS = 0.02
TURNS_ASKED = 50
"""How long a replica asks for its turn; then it goes on without: that is slower, not wrong."""


class Left(IntEnum):
    """What a look left to be read; `OVERDUE` where it has waited for longer than it may."""

    NOTHING = 0
    SOME = 1
    OVERDUE = 2


async def interpreter(runtime: Runtime, is_rushed: Callable[[], bool] = lambda: False) -> None:
    """Read kept messages until cancelled; where they come one upon the other, the door comes first.

    Somebody waits for an answer at the door, and nobody for the reading, which takes many times as
    long. A message now and then is no rush: it is read as soon as it is kept.
    """
    reader = Reader()

    async def step() -> bool:
        left = await interpret_next(runtime, reader)
        if left is Left.SOME:
            await give_way(is_rushed)
        return left is not Left.NOTHING

    try:
        await poll(step, wake=runtime.db.committed, every=INTERVAL_SECONDS, rest=0)
    finally:
        reader.close()


async def give_way(is_rushed: Callable[[], bool]) -> None:
    """Return when the rush at the door is over, or has been for too long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_PAUSE_SECONDS
    while is_rushed() and loop.time() < until:  # noqa: ASYNC110 - a rush does not say when it is over
        await asyncio.sleep(LOOK_SECONDS)


async def interpret_next(runtime: Runtime, reader: Reader | None = None) -> Left:
    """Read the oldest messages and record what they became; return what is left.

    What follows from reading is written with it: by what they are searched, and the application
    ACKs that are due.

    Reading happens outside the transaction that records. Should two processes read the same
    messages all the same, whoever records first is believed, the other finds nothing to record.
    """
    reader = reader or Reader(few=ALL)
    async with runtime.db.read() as turn:
        await _turn(turn)
        found = await interpret.waiting(turn, sealer=runtime.sealer, known=reader.known)
        if found.messages:
            understood, numbers = await reader.read(found.messages)
            if not await _written(runtime, understood, numbers):
                for one in understood:
                    await _write_alone(runtime, one)
    return _left(found, now=runtime.clock())


def _left(found: Oldest, *, now: datetime) -> Left:
    if found.is_all:
        return Left.NOTHING
    waited = now - found.messages[0].received_at
    return Left.OVERDUE if waited > timedelta(seconds=OVERDUE_SECONDS) else Left.SOME


async def _written(runtime: Runtime, understood: Sequence[Understood], numbers: Marks) -> bool:
    """Record readings in one transaction; False where one of them can never be recorded.

    Of what is written no worker makes anything but of the application ACKs.
    """
    now, sealer = runtime.clock(), runtime.sealer
    asked = reply.askers(one.message for one in understood)
    try:
        async with runtime.db.begin(wakes=bool(asked)) as tx:
            found = marks.hashed(numbers, sealer=sealer)
            await record(tx, understood, found, sealer=sealer, now=now)
            await reply.owe(tx, asked, sealer=sealer, now=now)
    except Exception as error:
        if is_outage(error) or is_momentary(error):
            raise
        log.warning("readings_not_recorded", count=len(understood), exc_info=error)
        return False
    return True


async def _write_alone(runtime: Runtime, one: Understood) -> None:
    """Record one reading; what cannot be recorded as it was read is a person's, and holds up nobody."""
    _, numbers = await read_here([one.message])
    if not await _written(runtime, [one], numbers):
        doubtful = replace(one, reading=Doubtful("interpretation_failed"), repairs=())
        await _written(runtime, [doubtful], ())


async def _turn(tx: Transaction) -> None:
    """Wait while another replica reads."""
    for _ in range(TURNS_ASKED):
        if await readings.take_turn(tx):
            return
        await asyncio.sleep(TURN_SECONDS)
