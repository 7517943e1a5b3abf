"""Puts the service together from settings and a runtime: the only place where adapters meet ports."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2

from common import gauges
from common.errors import Misconfigured
from common.events.notification import ChannelName
from common.loopback import is_loopback
from common.service import Runtime, Service
from common.worker import Worker, poll
from notifications import consumers
from notifications.api import create
from notifications.api.given import Given
from notifications.channels.console import Console
from notifications.channels.destinations import Destinations
from notifications.channels.fax import sinch_callback
from notifications.channels.fax.sinch import SinchAccount, SinchGateway
from notifications.channels.letterhead import Letterhead
from notifications.channels.webhook import WebhookSender
from notifications.handlers.means import Means
from notifications.ports import FaxGateway
from notifications.settings import Settings
from notifications.store import gauges as own_gauges
from notifications.workers.clock import Timekeeper
from notifications.workers.console import ConsoleWorker
from notifications.workers.emr import EmrWorker
from notifications.workers.fax import FaxForgetter, FaxSender, FaxWatcher
from notifications.workers.flights import Bounds, Flights
from notifications.workers.pace import Pace
from notifications.workers.webhook import WebhookWorker

GATEWAY_TIMEOUT_SECONDS = 30.0

Step = Callable[[], Awaitable[bool]]


def build(settings: Settings, runtime: Runtime) -> Service:
    """Return the service; Misconfigured where patient data could leave in a way nobody agreed to."""
    account = sinch_account(settings)
    means = Means(runtime.sealer, configured(settings, account))
    secret = settings.callback_secret.get_secret_value() if settings.callback_secret else None
    given = Given(
        means=means,
        letterhead=letterhead(settings),
        callbacks={"sinch": sinch_callback.fax_id} if account else {},
        callback_secret=secret,
    )
    return Service(
        name="notifications",
        api=create.api(runtime, given),
        runtime=runtime,
        migrations="notifications.migrations",
        workers=workers(settings, runtime, means, account),
        handlers=consumers.handlers(means),
        topics=consumers.TOPICS,
        gives_way=True,
        gauges=[gauges.of_tables(runtime.db, runtime.clock, [own_gauges.ask])],
    )


def configured(settings: Settings, account: SinchAccount | None) -> frozenset[ChannelName]:
    """Return the channels that these settings make usable."""
    channels: set[ChannelName] = {"emr", "webhook"}
    if account is not None:
        channels.add("fax")
    if settings.console:
        channels.add("console")
    return frozenset(channels)


def workers(
    settings: Settings, runtime: Runtime, means: Means, account: SinchAccount | None
) -> list[Worker]:
    """Return the loops: the clock always, and one for each channel that can be used."""
    rhythm = pace(settings)
    wake, every = runtime.db.committed, rhythm.tick_seconds

    def looping(name: str, step: Step) -> Worker:
        return Worker(name, lambda: poll(step, wake=wake, every=every))

    found = [
        looping("clock", Timekeeper(runtime, means, rhythm).step),
        looping("emr", EmrWorker(runtime, means, rhythm).step),
        Worker("webhook", lambda: _post_webhooks(settings, runtime, means)),
    ]
    if settings.console:
        console = Console(sys.stdout.write)
        found.append(looping("console", ConsoleWorker(runtime, means, console, rhythm).step))
    if account is not None:
        found += _fax_workers(settings, runtime, means, account)
    return found


def _fax_workers(
    settings: Settings, runtime: Runtime, means: Means, account: SinchAccount
) -> list[Worker]:
    rhythm, head = pace(settings), letterhead(settings)

    def looping(name: str, step_with: Callable[[FaxGateway], Step]) -> Worker:
        async def run() -> None:
            async with _sinch(settings, account) as gateway:
                step = step_with(gateway)
                await poll(step, wake=runtime.db.committed, every=rhythm.tick_seconds)

        return Worker(name, run)

    return [
        looping("fax", lambda g: FaxSender(runtime, means, g, head, rhythm).step),
        looping("fax-results", lambda g: FaxWatcher(runtime, means, g, rhythm).step),
        looping("fax-pages", lambda g: FaxForgetter(runtime, g, rhythm).step),
    ]


@asynccontextmanager
async def _sinch(settings: Settings, account: SinchAccount) -> AsyncGenerator[FaxGateway]:
    async with httpx2.AsyncClient(timeout=GATEWAY_TIMEOUT_SECONDS) as http:
        yield SinchGateway(http, account, base_url=settings.sinch_base_url)


async def _post_webhooks(settings: Settings, runtime: Runtime, means: Means) -> None:
    """Post without the environment's proxies: they would connect to what was never checked."""
    room = httpx2.Limits(max_connections=settings.webhooks_at_once)
    async with httpx2.AsyncClient(trust_env=False, limits=room) as client:
        destinations = Destinations(allow_loopback=settings.webhook_allow_loopback)
        sender = WebhookSender(
            client, destinations, settings.referral_url, settings.webhook_timeout_seconds
        )
        flights = Flights(Bounds(settings.webhooks_at_once, settings.webhooks_per_endpoint))
        step = WebhookWorker(runtime, means, sender, pace(settings), flights=flights).step
        try:
            await poll(step, wake=runtime.db.committed, every=settings.tick_seconds)
        finally:
            await flights.abandon()


def pace(settings: Settings) -> Pace:
    """Return how the workers go about it."""
    return Pace(
        limit=settings.batch,
        lease=timedelta(seconds=settings.lease_seconds),
        tick_seconds=settings.tick_seconds,
        look_up_after=timedelta(seconds=settings.fax_look_up_seconds),
        poll_base=timedelta(seconds=settings.fax_poll_seconds),
        poll_cap=timedelta(seconds=settings.fax_poll_cap_seconds),
        result_timeout=timedelta(hours=settings.fax_result_hours),
    )


def letterhead(settings: Settings) -> Letterhead:
    """Return who faxes come from."""
    return Letterhead(settings.pharmacy_name, settings.pharmacy_phone, settings.pharmacy_fax)


def sinch_account(settings: Settings) -> SinchAccount | None:
    """Return the fax account, or None when fax is not configured.

    Raises Misconfigured when it is configured by half, or would get patient data without a BAA.
    """
    project, key, secret = (
        settings.sinch_project_id,
        settings.sinch_key_id,
        settings.sinch_key_secret,
    )
    if not (project or key or secret):
        return None
    if not (project and key and secret):
        raise Misconfigured("NOTIFICATIONS_SINCH_PROJECT_ID, _KEY_ID, _KEY_SECRET belong together")
    host = urlsplit(settings.sinch_base_url).hostname or ""
    if settings.sinch_baa_signed_on is None and not is_loopback(host):
        raise Misconfigured("NOTIFICATIONS_SINCH_BAA_SIGNED_ON must be set before faxes leave")
    return SinchAccount(
        project_id=project,
        key_id=key,
        key_secret=secret.get_secret_value(),
        from_number=settings.fax_from_number,
        service_id=settings.sinch_service_id,
        callback_url=callback_url(settings, "sinch"),
    )


def callback_url(settings: Settings, gateway: str) -> str | None:
    """Return where a gateway calls back, or None when it shall not: then it is polled only."""
    if settings.callback_base_url is None or settings.callback_secret is None:
        return None
    secret = settings.callback_secret.get_secret_value()
    return f"{settings.callback_base_url.rstrip('/')}/receipts/{gateway}/{secret}"
