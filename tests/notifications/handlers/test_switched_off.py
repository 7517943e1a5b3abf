"""The tasks of a wrong number and of an endpoint that is gone: open for as long as they ask for something."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from tests.notifications.builders import FAX, PACE, Desk

from common.events.clinic import FaxNumber
from common.events.referral import ReferralReceived
from notifications.handlers import receipts
from notifications.handlers.fail import Failure
from notifications.handlers.send import Outgoing
from notifications.ports import FailureClass
from notifications.store import tables
from notifications.workers.claiming import take_webhooks
from notifications.workers.flights import Flights

HOOK, NEW_HOOK = "https://clinic.example/hook", "https://clinic.example/new"
OTHER_FAX = "+12125550177"
VERIFIED = date(2026, 1, 2)
BAD_NUMBER, ENDPOINT_GONE = "bad_number", "endpoint_gone"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request):
    return request.param


def fax(number: str = FAX, *, verified_on: date | None = VERIFIED) -> FaxNumber:
    return FaxNumber(number=number, verified_on=verified_on)


async def sent_to_a_wrong_number(desk: Desk) -> None:
    desk.gateway.results = [FailureClass.BAD_NUMBER]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()


async def proves_wrong(desk: Desk) -> None:
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()


@pytest.fixture
async def wrong(desk: Desk) -> Desk:
    await desk.know()
    await sent_to_a_wrong_number(desk)
    await proves_wrong(desk)
    return desk


async def taken_for_an_endpoint(desk: Desk) -> Outgoing:
    await desk.know(channels=("webhook",), webhook_url=HOOK)
    await desk.happen(ReferralReceived)
    (post,) = await take_webhooks(desk.runtime, Flights(), means=desk.means, lease=PACE.lease)
    return post


async def is_gone(desk: Desk, post: Outgoing) -> None:
    now, means = desk.clock(), desk.means
    async with desk.runtime.db.begin() as tx:
        gone = Failure("gone", "410")
        await receipts.failed(tx, post.delivery, gone, again_at=None, means=means, now=now)


@pytest.fixture
async def gone(desk: Desk) -> Desk:
    await is_gone(desk, await taken_for_an_endpoint(desk))
    return desk


async def states(desk: Desk, kind: str) -> Sequence[str]:
    return [row["state"] for row in await desk.rows(tables.tasks, kind=kind)]


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param((fax(OTHER_FAX),), id="another number"),
        pytest.param((), id="none"),
        pytest.param((fax(verified_on=date(2026, 3, 3)),), id="verified on a later day"),
    ],
)
async def test_nobody_is_asked_about_a_wrong_number_that_was_put_right(wrong, numbers):
    assert await states(wrong, BAD_NUMBER) == ["open"]
    await wrong.know(version=2, fax_numbers=numbers)
    (task,) = await wrong.rows(tables.tasks, kind=BAD_NUMBER)
    assert (task["state"], task["done_by"]) == ("done", "notifications")
    assert task["done_at"] == wrong.clock()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "Lakeside"}, id="another name"),
        pytest.param({"fax_numbers": (fax(OTHER_FAX), fax())}, id="one more number"),
        pytest.param({"fax_numbers": (fax(verified_on=None),)}, id="verified no more"),
        pytest.param({"fax_numbers": (fax(verified_on=date(2026, 3, 2)),)}, id="the same day"),
        pytest.param({"channels": ("console",)}, id="another channel"),
    ],
)
async def test_a_change_that_leaves_the_wrong_number_leaves_its_task(wrong, changes):
    await wrong.know(version=2, **changes)
    assert await states(wrong, BAD_NUMBER) == ["open"]


async def test_nobody_is_asked_about_an_endpoint_that_has_a_new_address(gone):
    assert await states(gone, ENDPOINT_GONE) == ["open"]
    await gone.know(version=2, channels=("webhook",), webhook_url=NEW_HOOK)
    assert await states(gone, ENDPOINT_GONE) == ["done"]


@pytest.mark.parametrize("changes", [{"name": "Lakeside"}, {"channels": ("fax",)}])
async def test_a_change_that_leaves_the_endpoint_leaves_its_task(gone, changes):
    await gone.know(version=2, **{"channels": ("webhook",), "webhook_url": HOOK} | changes)
    assert await states(gone, ENDPOINT_GONE) == ["open"]


async def test_a_change_of_another_clinic_closes_nothing(wrong):
    await wrong.know(clinic_id="hillside", fax_numbers=(fax(OTHER_FAX),))
    assert await states(wrong, BAD_NUMBER) == ["open"]


async def test_a_wrong_number_that_comes_back_unverified_is_asked_about_again(wrong):
    """INVARIANT: no address of a clinic is switched off without an open task that says so.

    Broken by closing alone: the number stays in quarantine, and nobody would hear of it.
    """
    await wrong.know(version=2, fax_numbers=())
    await wrong.know(version=3, fax_numbers=(fax(),))
    first, again = await wrong.rows(tables.tasks, kind=BAD_NUMBER)
    assert (first["state"], again["state"]) == ("done", "open")
    assert again["delivery_id"] == first["delivery_id"]


async def test_an_endpoint_that_comes_back_is_asked_about_again(gone):
    for version, url in enumerate((NEW_HOOK, HOOK), start=2):
        await gone.know(version=version, channels=("webhook",), webhook_url=url)
    assert await states(gone, ENDPOINT_GONE) == ["done", "open"]


async def test_nobody_is_asked_about_what_the_clinic_gave_up_before_it_proved_wrong(desk):
    await desk.know()
    await sent_to_a_wrong_number(desk)
    await desk.know(version=2, fax_numbers=(fax(OTHER_FAX),))
    await proves_wrong(desk)
    assert await states(desk, BAD_NUMBER) == []


async def test_nobody_is_asked_about_an_endpoint_that_moved_before_it_said_gone(desk):
    post = await taken_for_an_endpoint(desk)
    await desk.know(version=2, channels=("webhook",), webhook_url=NEW_HOOK)
    await is_gone(desk, post)
    assert await states(desk, ENDPOINT_GONE) == []
