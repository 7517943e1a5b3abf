from datetime import timedelta

import httpx2
import pytest
from tests.notifications.builders import CALLBACK_SECRET, Desk

from common.events.referral import ReferralReceived
from notifications.ports import FaxState, FaxStatus

PATH = f"/receipts/sinch/{CALLBACK_SECRET}"


def completed(gateway_id: str, status: str = "COMPLETED") -> dict[str, object]:
    return {"event": "FAX_COMPLETED", "fax": {"id": gateway_id, "status": status}}


async def on_its_way(desk: Desk) -> str:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    return str((await desk.deliveries())[0]["gateway_id"])


async def test_a_callback_makes_the_fax_be_asked_about_at_once(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    gateway_id = await on_its_way(desk)
    assert not await desk.watch_faxes()

    answer = await api.post(PATH, json=completed(gateway_id))

    assert answer.status_code == 204
    assert await desk.watch_faxes()
    assert await desk.states() == [("fax", "confirmed")]


async def test_what_a_callback_claims_is_not_believed(desk: Desk, api: httpx2.AsyncClient) -> None:
    """INVARIANT: callbacks are unsigned hints; only what the gateway says when read counts."""
    gateway_id = await on_its_way(desk)
    desk.gateway.states[gateway_id] = FaxStatus(gateway_id, FaxState.SENDING)
    await api.post(PATH, json=completed(gateway_id, "COMPLETED"))
    await desk.watch_faxes()
    assert await desk.states() == [("fax", "submitted")]


async def test_without_any_callback_polling_finds_out(desk: Desk) -> None:
    await on_its_way(desk)
    desk.clock.advance(timedelta(seconds=5))
    await desk.watch_faxes()
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_callback_after_the_end_changes_nothing(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    gateway_id = await on_its_way(desk)
    desk.clock.advance(timedelta(seconds=5))
    await desk.watch_faxes()
    before = await desk.deliveries()
    for _ in range(2):
        await api.post(PATH, json=completed(gateway_id, "FAILURE"))
    assert not await desk.watch_faxes()
    assert await desk.deliveries() == before


@pytest.mark.parametrize(
    "path", ["/receipts/sinch/another-secret", f"/receipts/telnyx/{CALLBACK_SECRET}"]
)
async def test_another_secret_or_gateway_is_not_found(api: httpx2.AsyncClient, path: str) -> None:
    answer = await api.post(path, json=completed("x"))
    assert answer.status_code == 404
    assert CALLBACK_SECRET not in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"fax": 7}', b"\xff\xfe"])
async def test_a_callback_that_says_nothing_usable_is_taken_and_ignored(
    api: httpx2.AsyncClient, body: bytes
) -> None:
    assert (await api.post(PATH, content=body)).status_code == 204


async def test_a_callback_beyond_the_bound_is_refused(api: httpx2.AsyncClient) -> None:
    answer = await api.post(PATH, content=b" " * (8 * 1024 * 1024 + 1))
    assert answer.status_code == 413
