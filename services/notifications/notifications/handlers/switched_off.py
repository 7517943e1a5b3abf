"""Ask a person about an address that is used no more, for as long as it is the clinic's."""

from collections.abc import Collection, Mapping
from datetime import datetime

from common.database import Transaction
from notifications.domain.clinic import Clinic
from notifications.store import deliveries, tasks
from notifications.store.tasks import TaskKind

BAD_NUMBER = "bad_number"
GONE = "gone"
REASONS: Mapping[TaskKind, str] = {TaskKind.BAD_NUMBER: BAD_NUMBER, TaskKind.ENDPOINT_GONE: GONE}
"""Why the deliveries failed after which an address was switched off."""


async def ask(tx: Transaction, clinic: Clinic, *, now: datetime) -> None:
    """Have a task open for each address of the clinic that is switched off, and for no other.

    What a change of the clinic made moot is closed; an address that comes back as it was is asked
    about anew. Whoever asks holds the clinic, so that no address changes in the same moment.
    """
    await _ask_about(tx, TaskKind.BAD_NUMBER, clinic.id, clinic.wrong_numbers, now=now)
    await _ask_about(tx, TaskKind.ENDPOINT_GONE, clinic.id, clinic.gone_endpoints, now=now)


async def _ask_about(
    tx: Transaction, kind: TaskKind, clinic_id: str, off: Collection[str], *, now: datetime
) -> None:
    asked = {_key(clinic_id, address): address for address in off}
    await tasks.close_clinic(tx, kind, clinic_id, but=asked, now=now)
    for key, address in asked.items():
        failed = await deliveries.last_to(tx, clinic_id, address, reason=REASONS[kind])
        if failed is not None:
            await tasks.add(tx, kind, key, now=now, clinic_id=clinic_id, delivery_id=failed)


def _key(clinic_id: str, address: str) -> str:
    return f"{clinic_id}:{address}"[:200]
