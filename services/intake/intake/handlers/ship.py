"""Sending the drug: the parcel's number is people's data and is kept with it."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from common.database import Transaction
from intake.domain import shipment
from intake.domain.referral import Referral
from intake.handlers import record
from intake.handlers.card import Said
from intake.handlers.desk import Desk
from intake.handlers.record import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What a carrier was given."""

    carrier: str | None = None
    tracking_number: str | None = None
    expected_on: date | None = None


async def ship(
    tx: Transaction, desk: Desk, target: Target, parcel: Parcel, *, said: Said, now: datetime
) -> Referral:
    """Record that the drug is on its way."""
    kept = await record.fetch(tx, desk, target)
    decided = shipment.ship(
        kept.referral, carrier=parcel.carrier, expected_on=parcel.expected_on, now=now
    )
    details = kept.details.model_copy(update={"tracking_number": parcel.tracking_number})
    return await record.keep(tx, desk, replace(kept, details=details), decided, said=said, now=now)
