"""The service as it is started: settings, migrations, and its loops together."""

import asyncio

import pytest
from sqlalchemy import inspect
from tests.emr_bridge.builders import clinic_changed, events, verdict
from tests.emr_bridge.sending import ask

from common.database import Database
from common.errors import Misconfigured
from common.events.clinic import Hl7Link
from common.events.emr import MessageDelivered, ReferralSubmitted
from common.migrations import upgrade
from emr_bridge import consumers
from emr_bridge.app import build
from emr_bridge.settings import Settings
from emr_bridge.store.tables import metadata
from simulators.emr import EmrClient, EmrServer
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered


async def test_the_migrations_make_the_tables_that_the_code_knows(db_url):
    db = Database(db_url)
    await upgrade(db, "emr_bridge.migrations")

    def differences(connection):
        inspector = inspect(connection)
        found = {}
        for name, table in metadata.tables.items():
            columns = {column["name"]: column["nullable"] for column in inspector.get_columns(name)}
            known = {column.name: column.nullable for column in table.columns}
            found[name] = columns == known
        return found

    async with db.read() as tx:
        assert all((await tx.run_sync(differences)).values())
    await db.close()


async def test_plain_mllp_beyond_this_machine_needs_an_explicit_word(runtime):
    with pytest.raises(Misconfigured, match="MLLP_PLAIN_BEYOND_LOOPBACK"):
        build(Settings(mllp_host="0.0.0.0"), runtime)
    assert build(Settings(mllp_host="0.0.0.0", mllp_plain_beyond_loopback=True), runtime)
    assert build(Settings(), runtime).name == "emr-bridge"


async def test_every_event_that_is_handled_belongs_to_a_topic_that_is_read():
    assert {event.topic for event in consumers.HANDLERS} == set(consumers.TOPICS)


async def test_a_referral_comes_in_and_a_notice_goes_out_by_the_loops_of_the_service(
    runtime, clock, unused_port
):
    emr = EmrServer()
    await emr.start()
    service = build(Settings(mllp_port=unused_port), runtime)
    loops = [asyncio.ensure_future(worker.run()) for worker in service.workers]
    told = clinic_changed(
        clock(),
        Hl7Link(
            id="emr",
            sending_application="ZZEMR",
            sending_facility="ZZCLINIC",
            host=emr.host,
            port=emr.port,
        ),
    )
    async with runtime.db.begin() as tx:
        await consumers.HANDLERS[type(told)](tx, told, clock())
    async with EmrClient("127.0.0.1", unused_port) as client:
        for number, message in enumerate(BUILDERS.values()):
            raw = message(numbered(1), Envelope(control_id=f"M{number}", sent_at=clock()))
            assert verdict(await client.send(raw)) == ("AA", f"M{number}")
    await ask(runtime)
    kinds: list[type] = []
    for _ in range(500):
        kinds = [type(event) for event in await events(runtime)]
        if kinds.count(ReferralSubmitted) == len(BUILDERS) and MessageDelivered in kinds:
            break
        await asyncio.sleep(0.02)
    for loop in loops:
        loop.cancel()
    await asyncio.wait(loops)
    await emr.close()
    assert kinds.count(ReferralSubmitted) == len(BUILDERS)
    assert kinds.count(MessageDelivered) == 1
