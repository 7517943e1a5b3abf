"""Ask a person about an address that is used no more, for as long as it is the clinic's."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from common.database import Transaction
from notifications.domain.clinic import Clinic
from notifications.store import deliveries, tasks
from notifications.store.tasks import TaskKind

BAD_NUMBER = "bad_number"
GONE = "gone"
KINDS: Mapping[str, TaskKind] = {BAD_NUMBER: TaskKind.BAD_NUMBER, GONE: TaskKind.ENDPOINT_GONE}
"""What is asked, by the reason for which a delivery failed and its address was switched off."""


async def ask(tx: Transaction, clinic: Clinic, *, now: datetime) -> None:
    """Have a task open for each address of the clinic that is switched off, and for no other.

    What a change of the clinic made moot is closed; an address that comes back as it was is asked
    about anew. Only who changes the clinic asks so: whose delivery fails in the same moment waits
    for the change before it asks, and its task is not there yet to be closed.
    """
    for reason, addresses in _switched_off(clinic).items():
        asked = {_key(clinic.id, address) for address in addresses}
        await tasks.close_clinic(tx, KINDS[reason], clinic.id, but=asked, now=now)
        for address in addresses:
            failed = await deliveries.last_to(tx, clinic.id, address, reason=reason)
            if failed is not None:
                await _add(tx, clinic.id, reason, address, failed, now=now)


async def ask_about(tx: Transaction, clinic: Clinic, failed: RowMapping, *, now: datetime) -> None:
    """Ask about the address of a failed delivery, unless the clinic has given it up meanwhile.

    Whoever asks holds the clinic, so that it does not change in the same moment. Another delivery
    may switch off another address beside us: its task is not ours to close.
    """
    reason, address = failed["reason"], failed["destination"]
    if address in _switched_off(clinic)[reason]:
        await _add(tx, clinic.id, reason, address, failed["id"], now=now)


def _switched_off(clinic: Clinic) -> Mapping[str, Collection[str]]:
    return {BAD_NUMBER: clinic.wrong_numbers, GONE: clinic.gone_endpoints}


async def _add(
    tx: Transaction, clinic_id: str, reason: str, address: str, failed: UUID, *, now: datetime
) -> None:
    about = {"clinic_id": clinic_id, "delivery_id": failed}
    await tasks.add(tx, KINDS[reason], _key(clinic_id, address), now=now, **about)


def _key(clinic_id: str, address: str) -> str:
    return f"{clinic_id}:{address}"[:200]
