"""A referral as callers see it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from common.database import Transaction
from intake.api.shapes import (
    AppointmentOut,
    CancellationOut,
    DeliveryOut,
    FindingOut,
    PriorAuthorizationOut,
    PromiseOut,
    ReferralOut,
)
from intake.domain import information
from intake.domain.appointment import Appointment
from intake.domain.commands import allowed
from intake.domain.prior_authorization import PriorAuthorization
from intake.domain.referral import Cancellation, Referral
from intake.handlers.arrive import Newcomer
from intake.handlers.desk import Desk
from intake.store import deliveries, findings, promises, referrals
from intake.store.findings import KeptFinding
from intake.store.referrals import Kept


async def referral(tx: Transaction, desk: Desk, referral_id: UUID, base: str) -> ReferralOut:
    """Return a referral with all that belongs to it."""
    kept = await referrals.get(tx, desk.sealer, referral_id)
    made = await findings.of(tx, referral_id)
    told = (await promises.of(tx, referral_id), await deliveries.of(tx, referral_id))
    return _shown(kept, made, base, *told)


def newcomer(new: Newcomer, base: str) -> ReferralOut:
    """Return a referral that was written just now: nobody was told of it yet."""
    found_at = new.kept.origin.created_at
    made = [KeptFinding(finding, found_at, None) for finding in new.findings]
    return _shown(new.kept, made, base, (), ())


def _shown(
    kept: Kept,
    made: Sequence[KeptFinding],
    base: str,
    promised: Sequence[RowMapping],
    delivered: Sequence[RowMapping],
) -> ReferralOut:
    state, said = kept.referral, kept.details.submission
    return ReferralOut(
        **_line(kept.origin, state, base),
        source_message_id=kept.origin.source_message_id,
        allowed_commands=allowed(state),
        cancellation=_cancellation(state.cancellation),
        questions=(*_asked(state, made), *kept.questions),
        findings=[_finding(one) for one in made],
        prior_authorizations=[authorization(pa) for pa in state.authorizations],
        appointment=_appointment(state.appointment),
        tracking_number=kept.details.tracking_number,
        promises=[PromiseOut(**row) for row in promised],
        deliveries=[DeliveryOut(**row) for row in delivered],
        places=kept.details.places,
        **{name: getattr(said, name) for name in SAID},
    )


SAID = (
    "patient",
    "coverages",
    "prescriber",
    "contact",
    "medication",
    "diagnoses",
    "therapy",
    "clinicals",
    "external_ids",
)


def links(base: str, referral_id: UUID) -> dict[str, str]:
    """Return where the referral and what belongs to it are found."""
    itself = f"{base}/v1/referrals/{referral_id}"
    return {
        "self": itself,
        "timeline": f"{itself}/timeline",
        "documents": f"{itself}/documents",
    }


def _line(origin: referrals.Origin, state: Referral, base: str) -> dict[str, Any]:
    of_state = ("id", "code", "clinic_id", "reason", "waiting_on", "respond_by", "version")
    of_origin = ("completeness", "door", "received_at", "created_at", "updated_at")
    return (
        {name: getattr(state, name) for name in of_state}
        | {name: getattr(origin, name) for name in of_origin}
        | {"status": state.status.value, "links": links(base, state.id)}
    )


def _asked(state: Referral, made: Sequence[KeptFinding]) -> list[str]:
    unsettled = [one.finding for one in made if one.settled_at is None]
    return [finding.question for finding in information.holding_up(state, unsettled)]


def _finding(made: KeptFinding) -> FindingOut:
    finding = made.finding
    return FindingOut(
        code=finding.code,
        pointer=finding.pointer,
        question=finding.question,
        blocking=finding.blocking,
        related=finding.related,
        found_at=made.found_at,
        settled_at=made.settled_at,
    )


def authorization(pa: PriorAuthorization) -> PriorAuthorizationOut:
    """Return a prior authorization with all that is known of it."""
    details = {name: getattr(pa.details, name) for name in pa.details.__slots__}
    return PriorAuthorizationOut(
        id=pa.id,
        benefit=pa.benefit,
        state=pa.state.value,
        open=pa.is_open,
        current=pa.current,
        waiting_on=pa.waiting_on,
        level=pa.level.value,
        known_at=pa.known_at,
        replaces=pa.replaces,
        **details,
    )


def _appointment(booked: Appointment | None) -> AppointmentOut | None:
    return AppointmentOut.model_validate(booked) if booked else None


def _cancellation(wish: Cancellation | None) -> CancellationOut | None:
    return CancellationOut.model_validate(wish) if wish else None
