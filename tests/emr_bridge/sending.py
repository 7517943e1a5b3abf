"""A sender, an EMR that answers by script, and notices to be sent: what tests of sending share."""

from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

from tests.emr_bridge.builders import CLINIC, link, rows_of, until

from common.events.clinic import Hl7Dialect
from common.events.notification import EmrDeliveryRequested, EmrDeliveryWithdrawn, NoticeContent
from common.events.people import PatientCard
from emr_bridge.handlers import request
from emr_bridge.store import links
from emr_bridge.store.tables import outbound
from emr_bridge.transports.mllp_client import Address, Client, Patience
from emr_bridge.workers.sender import Sender
from simulators.emr import EmrServer

REFERRAL = UUID("0195a000-0000-7000-8000-000000000001")


def sender_for(runtime, *, answer_seconds=5.0, **values) -> Sender:
    """Return a sender; where an EMR keeps silent a test says how long that is waited for."""
    patience = Patience(connect_seconds=5, answer_seconds=answer_seconds)
    return Sender(
        runtime=runtime,
        connect=lambda link, unasked: Client(
            Address(link.host or "", link.port or 0), patience, unasked
        ),
        jitter=lambda: 0.0,
        **values,
    )


@asynccontextmanager
async def emr_server():
    """Run an EMR that answers by script."""
    server = EmrServer()
    await server.start()
    yield server
    await server.close()


@asynccontextmanager
async def sending(runtime, **values):
    """Make a sender, and let what it does end."""
    made = sender_for(runtime, **values)
    yield made
    await made._drain()


async def linked(runtime, emr, *others, dialect=None, **values):
    spoken = Hl7Dialect.model_validate(dialect or {})
    reachable = link(host=emr.host, port=emr.port, dialect=spoken, **values)
    async with runtime.db.begin() as tx:
        await links.replace(tx, CLINIC, [reachable, *others])
    return reachable


async def ask(runtime, *, referral_id=REFERRAL, notice="referral_received", **values):
    content = NoticeContent(
        addressed_to="Nora ZZTESTNURSE",
        title="We have your referral",
        lines=("We are checking the insurance.",),
        patient=PatientCard(family_name="ZZTEST", given_names=("Anna",)),
    )
    bare = EmrDeliveryRequested(
        occurred_at=runtime.clock(),
        referral_id=referral_id,
        clinic_id=CLINIC,
        delivery_id=uuid4(),
        notice_id=uuid4(),
        notice=notice,
        referral_code="R4K7QM",
        referral_status="received",
        happened_at=runtime.clock(),
        **values,
    )
    event = bare.with_sealed(runtime.sealer, content)
    async with runtime.db.begin() as tx:
        await request.request_delivery(tx, event, runtime.clock())
    return event


async def take_back(runtime, asked):
    event = EmrDeliveryWithdrawn(
        occurred_at=runtime.clock(),
        referral_id=asked.referral_id,
        clinic_id=CLINIC,
        delivery_id=asked.delivery_id,
    )
    async with runtime.db.begin() as tx:
        await request.withdraw(tx, event, runtime.clock())


async def go(sender, runtime=None, clock=None, after=timedelta(0)):
    if clock is not None:
        clock.advance(after)
    await sender.step()
    await sender.idle()


async def one_row(runtime, table=outbound):
    (row,) = await rows_of(runtime, table)
    return row


async def states(runtime) -> list[str]:
    return [row["state"] for row in await rows_of(runtime, outbound)]


@asynccontextmanager
async def stepping(sender, emr, count=1):
    """Begin sending and wait until the EMR has the message."""
    await sender.step()
    await until(lambda: len(emr.received) >= count)
    yield
    await sender.idle()
