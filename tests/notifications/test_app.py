"""The service as it is composed, through the log and its own loops."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import date

import pytest
from tests.conftest import RuntimeOf
from tests.notifications.builders import (
    SECRET,
    Desk,
    clinic_changed,
    referral_event,
)
from tests.notifications.receiver import receiving

from common import outbox, relay
from common.consumer import Consumer
from common.errors import Misconfigured
from common.events.notification import NoticeDelivered, PromiseKept
from common.events.people import ClinicCard
from common.events.referral import ReferralReceived
from common.service import Service
from notifications.app import build
from notifications.settings import Settings
from notifications.store.tables import metadata

SINCH = {
    "sinch_project_id": "p",
    "sinch_key_id": "k",
    "sinch_key_secret": "s",
    "fax_from_number": "+15550100000",
}


def settings(**given) -> Settings:
    return Settings(_env_file=None, **given)


@asynccontextmanager
async def running(service: Service) -> AsyncGenerator[None]:
    loops = [asyncio.ensure_future(worker.run()) for worker in service.workers]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        for loop in loops:
            with suppress(asyncio.CancelledError):
                await loop


async def test_from_the_log_to_the_clinics_endpoint_and_back_to_the_log(
    runtime_of: RuntimeOf, clock
) -> None:
    runtime = await runtime_of(metadata)
    service = build(settings(webhook_allow_loopback=True, tick_seconds=0.01), runtime)
    consumer = Consumer(service.name, service.topics, service.handlers, runtime.db, runtime.clock)
    async with receiving() as receiver, running(service):
        clinic = clinic_changed(channels=("webhook",), webhook_url=receiver.url)
        card = ClinicCard(webhook_secret=SECRET)
        async with runtime.db.begin() as tx:
            await outbox.append(tx, clinic.with_sealed(runtime.sealer, card), now=clock())
            event = referral_event(ReferralReceived, runtime.sealer)
            await outbox.append(tx, event, now=clock())
        await relay.drain(runtime.db, runtime.log)
        async with runtime.log.subscribe(service.topics, group=service.name) as subscription:
            while await consumer.step(subscription, timeout_seconds=0.1):
                pass
        desk = Desk(runtime, clock)
        async with asyncio.timeout(10):
            while not await desk.published(PromiseKept):
                await runtime.db.committed.wait(0.1)

    assert len(receiver.posts) == 1
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_without_gateway_settings_fax_is_not_configured(runtime_of: RuntimeOf) -> None:
    service = build(settings(), await runtime_of(metadata))
    assert [worker.name for worker in service.workers] == ["clock", "emr", "webhook"]


async def test_with_them_fax_has_its_workers(runtime_of: RuntimeOf) -> None:
    given = settings(**SINCH, sinch_base_url="http://127.0.0.1:9999", console=True)
    service = build(given, await runtime_of(metadata))
    names = {worker.name for worker in service.workers}
    assert names == {"clock", "emr", "webhook", "console", "fax", "fax-results", "fax-pages"}
    async with running(service):
        await asyncio.sleep(0.05)


async def test_a_gateway_outside_needs_a_signed_baa(runtime_of: RuntimeOf) -> None:
    runtime = await runtime_of(metadata)
    with pytest.raises(Misconfigured, match="SINCH_BAA_SIGNED_ON"):
        build(settings(**SINCH), runtime)
    build(settings(**SINCH, sinch_baa_signed_on=date(2026, 1, 1)), runtime)


async def test_half_an_account_is_refused(runtime_of: RuntimeOf) -> None:
    with pytest.raises(Misconfigured, match="belong together"):
        build(settings(sinch_project_id="p"), await runtime_of(metadata))
