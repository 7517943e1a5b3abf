"""Registering clinics and changing what is known of them."""

from datetime import datetime

from common import outbox
from common.database import Transaction
from common.errors import Stale
from intake.domain.clinic import Clinic
from intake.handlers.desk import Desk
from intake.handlers.record import Versions
from intake.store import clinics


async def put(
    tx: Transaction, desk: Desk, clinic: Clinic, *, versions: Versions | None, now: datetime
) -> tuple[Clinic, bool]:
    """Keep a clinic; return it and whether it is new. The same again changes and tells nothing.

    Raises Conflict for a link whose sender is another clinic's.
    """
    await clinics.register_one_at_a_time(tx)
    before = await clinics.find(tx, desk.sealer, clinic.id)
    if versions is not None:
        _compare(before, versions)
    after = clinic.succeeding(before)
    if after != before:
        after.refuse_senders_of_others(await clinics.senders_of_others(tx, clinic.id))
        await clinics.save(tx, desk.sealer, after, now=now)
        event = after.changed(now=now).with_sealed(desk.sealer, after.card())
        await outbox.append(tx, event, now=now)
    return after, before is None


def _compare(before: Clinic | None, versions: Versions) -> None:
    if before is None:
        raise Stale("there is no clinic with this id")
    if before.version not in versions:
        etag = f'"{before.version}"'
        raise Stale(f"the ETag of the clinic is {etag} by now", etag=etag)
