"""What an EMR tells or asks of a status, and of its own appointments. Nothing of ours moves by it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.database import Transaction
from common.events.emr import AppointmentTold, Interpreted, OrderStatusTold, StatusRequested
from common.events.referral import ReferralStatusReported
from common.events.submission import ClinicVisit, Identifier
from intake.domain.referral import LIVE
from intake.handlers import heard, record, review
from intake.handlers.desk import Desk
from intake.handlers.review import Doubt
from intake.store import external_ids, referrals

APPOINTMENT = "clinic.appointment"
TOLD = "order.status_told"
STATUS_UNMATCHED = "status_unmatched"
REQUEST_UNMATCHED = "status_request_unmatched"


async def take_appointment(
    tx: Transaction, desk: Desk, event: AppointmentTold, now: datetime
) -> None:
    """Note the clinic's own appointment; one of a patient whom we do not serve is passed over."""
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None or event.clinic_id is None:
        return
    visit = heard.opened(at_desk, event, ClinicVisit)
    names = ("change", "starts", "ends", "status", "appointment_id")
    facts = {name: value for name in names if (value := getattr(event, name)) is not None}
    words = ", ".join(word for word in (visit.reason, visit.provider, visit.place) if word)
    for referral_id in await _of_appointment(tx, event.clinic_id, event):
        await record.note(
            tx,
            at_desk,
            referral_id,
            APPOINTMENT,
            facts=facts | heard.told(event),
            said=words or None,
            now=now,
        )
        await _remember(tx, event.clinic_id, referral_id, event.appointment_id)


async def _of_appointment(
    tx: Transaction, clinic_id: str, event: AppointmentTold
) -> Sequence[UUID]:
    """Return the referrals by the order's number (SCH-26), else by the appointment's (SCH-2)."""
    numbers = event.order_numbers
    if found := await external_ids.find_values(tx, clinic_id, numbers, among=LIVE):
        return found
    known = _appointment_number(event.appointment_id)
    return await external_ids.find(tx, clinic_id, known, among=LIVE)


async def _remember(
    tx: Transaction, clinic_id: str, referral_id: UUID, appointment_id: str | None
) -> None:
    """Remember an appointment's number: later messages may name nothing else."""
    await external_ids.add(tx, clinic_id, referral_id, _appointment_number(appointment_id))


def _appointment_number(number: str | None) -> list[Identifier]:
    return [Identifier(value=number, system=external_ids.APPOINTMENT)] if number else []


async def take_status(tx: Transaction, desk: Desk, event: OrderStatusTold, now: datetime) -> None:
    """Note where the order stands with the partner."""
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None:
        return
    referral_id = await _meant(tx, at_desk, event, event.external_id, STATUS_UNMATCHED, now=now)
    if referral_id is not None:
        facts: dict[str, Any] = {"control": event.control, "status": event.status}
        facts = {name: code for name, code in facts.items() if code} | heard.told(event)
        await record.note(tx, at_desk, referral_id, TOLD, facts=facts, now=now)


async def report(tx: Transaction, desk: Desk, event: StatusRequested, now: datetime) -> None:
    """Tell the clinic the status as it is; the referral does not change."""
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None:
        return
    number = event.external_id
    referral_id = await _meant(tx, at_desk, event, number, REQUEST_UNMATCHED, now=now)
    if referral_id is not None:
        kept = await referrals.get(tx, at_desk.sealer, referral_id)
        told = kept.referral.tell(ReferralStatusReported, now=now)
        await record.tell(tx, at_desk, kept, [told], since=kept.referral, now=now)


async def _meant(
    tx: Transaction,
    desk: Desk,
    event: Interpreted,
    number: str,
    reason: str,
    *,
    now: datetime,
) -> UUID | None:
    """Return the one referral with the number; without exactly one a person is asked."""
    clinic_id = event.clinic_id
    found = await external_ids.find_meant(tx, clinic_id, number) if clinic_id else []
    if len(found) == 1:
        return found[0]
    await review.of_interpreted(tx, desk, event, Doubt(reason, external_id=number), now=now)
    return None
