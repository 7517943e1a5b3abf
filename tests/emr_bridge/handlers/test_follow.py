from sqlalchemy import update
from tests.emr_bridge.builders import clinic_changed

from common.events.clinic import Hl7Dialect, Hl7Link
from emr_bridge.handlers import follow
from emr_bridge.store import links, tables

EPIC = {"id": "epic", "sending_application": "EPIC", "sending_facility": "NORTH"}


async def known(runtime):
    async with runtime.db.read() as tx:
        return (await links.by_sender(tx, ["epic|north"]))["epic|north"]


async def test_a_links_dialect_follows_its_clinic(runtime):
    now = runtime.clock()
    spoken = Hl7Dialect(acknowledgement="enhanced", code_sets={"0001": {"W": "F"}})
    async with runtime.db.begin() as tx:
        told = clinic_changed(now, Hl7Link(**EPIC, dialect=spoken))
        await follow.clinic_changed(tx, told, now)
    assert (await known(runtime)).dialect == spoken
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, clinic_changed(now, Hl7Link(**EPIC)), now)
    assert (await known(runtime)).dialect == Hl7Dialect()


async def test_a_link_from_before_dialects_speaks_as_most_do(runtime):
    now = runtime.clock()
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, clinic_changed(now, Hl7Link(**EPIC)), now)
        await tx.execute(update(tables.links).values(dialect=None))
    assert (await known(runtime)).dialect == Hl7Dialect()
