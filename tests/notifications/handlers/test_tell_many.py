"""Events that are told together are told as they are one by one."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.conftest import RuntimeOf, SettableClock
from tests.notifications.builders import EXTRAS, NOW, Desk, referral_event

from common import tracing
from common.errors import SetAside
from common.events.envelope import Envelope
from common.events.notification import Promised
from common.events.referral import PriorAuthorizationChanged, ReferralEvent, ReferralReceived
from common.sealing import Sealer
from common.tables import outbox
from common.verdicts import Heard
from notifications.domain.telling import TOLD
from notifications.handlers.tell import tell_all
from notifications.store import tables
from notifications.store.tables import metadata

CLINICS: dict[str, dict[str, Any]] = {
    "lakeside": {},
    "riverside": {"baa_signed_on": None},
    "hillside": {"channels": ("webhook",)},
}
"""One that is told, one without a BAA, one without a usable channel; any other is not known."""


def heard(
    number: int, sealer: Sealer, kind: type[ReferralEvent] = ReferralReceived, **facts: Any
) -> Heard[ReferralEvent]:
    """Return an event of its own moment, heard in its own trace."""
    event = referral_event(kind, sealer, **{"occurred_at": NOW + timedelta(seconds=number)} | facts)
    return Heard(event, f"00-{number + 1:032x}-{number + 1:016x}-01")


async def take(desk: Desk, *run: Heard[ReferralEvent]) -> None:
    async with desk.runtime.db.begin() as tx:
        await tell_all(tx, run, means=desk.means, now=desk.clock())


async def opened(runtime_of: RuntimeOf, clock: SettableClock) -> Desk:
    desk = Desk(await runtime_of(metadata), clock)
    for name, facts in CLINICS.items():
        await desk.know(clinic_id=name, **facts)
    return desk


async def outcome(desk: Desk) -> dict[Any, Any]:
    """Return all that became of the events: ids are drawn anew, so each row stands with its notice's event."""
    rows = await desk.rows(tables.notices)
    keys = {row["id"]: row["event_key"] for row in rows}
    told: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        said = (row["name"], row["event_key"], row["traceparent"], keys.get(row["superseded_by"]))
        told["notices", row["referral_id"]].append(said)
    for row in await desk.promises():
        owed = (row["kind"], keys[row["notice_id"]], row["started_at"], row["due_at"])
        told["promises", row["referral_id"]].append(owed)
    for row in await desk.deliveries():
        sent = (row["channel"], row["state"], row["series"], keys[row["notice_id"]])
        told["deliveries", row["referral_id"]].append((*sent, row["traceparent"]))
    for row in await desk.rows(tables.early_events):
        told["early", row["clinic_id"]].append((row["event_type"], row["traceparent"]))
    for row in await desk.rows(outbox):
        event = Envelope.model_validate_json(row["value"])
        told["outbox", event.subject].append((event.type, event.traceparent))
    beats = await desk.rows(tables.heartbeats)
    asked = sorted(
        (row["kind"], row["clinic_id"], keys.get(row["notice_id"], ""))
        for row in await desk.rows(tables.tasks)
    )
    return {"tasks": asked, "beats": [row["event"]["occurred_at"] for row in beats], **told}


def mixture(sealer: Sealer, chance: random.Random) -> list[Heard[ReferralEvent]]:
    """Return events of a few referrals, so that several of one stand in a run."""
    kinds: list[type[ReferralEvent]] = [*TOLD, *[PriorAuthorizationChanged] * 6]
    run: list[Heard[ReferralEvent]] = []
    for number in range(80):
        if run and chance.random() < 0.1:
            run.append(chance.choice(run))
            continue
        which = chance.randrange(6)
        clinic = [*CLINICS, "lakeside", "lakeside", "nowhere"][which]
        kind = chance.choice(kinds)
        facts: dict[str, Any] = {"referral_id": UUID(int=which), "clinic_id": clinic}
        if kind is PriorAuthorizationChanged:
            facts |= {"prior_authorization_id": UUID(int=which), "open": chance.random() < 0.7}
        run.append(heard(number, sealer, kind, **facts))
    return run


@pytest.mark.parametrize("seed", range(4))
async def test_together_is_as_one_by_one(
    runtime_of: RuntimeOf, clock: SettableClock, sealer: Sealer, seed: int
) -> None:
    """INVARIANT: however the log is cut into runs, the same is told, owed and sent, in the same order."""
    chance = random.Random(seed)
    rest: Sequence[Heard[ReferralEvent]] = mixture(sealer, chance)
    alone, crowd = await opened(runtime_of, clock), await opened(runtime_of, clock)
    for one in rest:
        await take(alone, one)
    while rest:
        run, rest = rest[: (most := chance.randint(1, 20))], rest[most:]
        await take(crowd, *run)
    expected = await outcome(alone)
    assert expected["tasks"]
    assert expected["early", "nowhere"]
    assert await outcome(crowd) == expected


async def test_what_a_run_causes_goes_on_in_the_trace_of_each_event(
    desk: Desk, sealer: Sealer
) -> None:
    """INVARIANT: a run mixes no traces. Broken by the first's, or the open one's."""
    await desk.know()
    run = [heard(n, sealer, referral_id=UUID(int=n)) for n in range(3)]
    await take(desk, *run)
    traces = [one.traceparent for one in run]
    assert [row["traceparent"] for row in await desk.rows(tables.notices)] == traces
    assert [row["traceparent"] for row in await desk.deliveries()] == traces
    waiting = [row for row in await desk.rows(outbox) if row["topic"] == Promised.topic]
    assert [row["headers"]["traceparent"] for row in waiting] == traces
    assert tracing.current() is None


async def test_an_event_that_comes_twice_in_a_run_is_told_once(desk: Desk, sealer: Sealer) -> None:
    """INVARIANT: one event, one notice, one promise. Broken by owing for what was not written."""
    await desk.know()
    event = heard(0, sealer)
    await take(desk, event, heard(1, sealer), event)
    await take(desk, event)
    assert len(await desk.rows(tables.notices)) == 2
    assert len(await desk.promises()) == len(await desk.deliveries()) == 2
    assert len(await desk.published(Promised)) == 2


async def test_a_run_with_an_event_that_names_nobody_leaves_nothing(
    desk: Desk, sealer: Sealer
) -> None:
    """INVARIANT: a run is kept whole or not at all: the consumer takes it one by one then."""
    await desk.know()
    with pytest.raises(SetAside):
        await take(desk, heard(0, sealer), heard(1, sealer, card=None), heard(2, sealer))
    assert not await desk.rows(tables.notices)
    assert not await desk.published(Promised)


async def test_notices_of_a_run_are_delivered_in_the_order_of_their_events(
    desk: Desk, sealer: Sealer
) -> None:
    """INVARIANT: a referral's notices leave in order. Broken by ids that are not drawn in order."""
    await desk.know()
    kinds = list(EXTRAS)[:5]
    await take(desk, *(heard(n, sealer, kind) for n, kind in enumerate(kinds)))
    names = [row["name"] for row in await desk.rows(tables.notices)]
    assert names == [TOLD[kind].notice for kind in kinds]
    await desk.send_faxes()
    assert [row["state"] for row in await desk.deliveries()] == ["submitted", *["queued"] * 4]
