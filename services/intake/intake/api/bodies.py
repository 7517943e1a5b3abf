"""The bodies of the commands."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from common.moment import Moment
from intake.api.strict import NO_NUL, STRICT, Strict
from intake.domain.prior_authorization import AppealLevel, Benefit, Medium, PaState
from intake.domain.reasons import (
    CancelReason,
    DeclineReason,
    DenialReason,
    DiscontinueReason,
    HoldReason,
    ShipmentTrouble,
    TransferReason,
)

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=NO_NUL),
]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL),
]


class Noted(Strict):
    """A command that needs nothing; a note may go with it."""

    note: Text | None = Field(
        default=None, description="Words for the clinic; kept sealed, shown in the timeline"
    )


def _example(**body: Any) -> Any:
    return STRICT | {"json_schema_extra": {"examples": [body]}}


class Questions(Strict):
    """What is asked of the clinic, in plain words."""

    model_config = _example(
        questions=["Please send the latest TB test result."], waiting_on="prescriber"
    )

    questions: tuple[Text, ...] = Field(min_length=1, max_length=20)
    waiting_on: Literal["prescriber", "patient"] = "prescriber"
    respond_by: Moment | None = None


class FinancialAssistance(Noted):
    """Who has to act first."""

    model_config = _example(waiting_on="patient")

    waiting_on: Literal["pharmacy", "patient"] = "pharmacy"


class ClinicalReview(Noted):
    """Who has to act first."""

    model_config = _example(waiting_on="prescriber")

    waiting_on: Literal["pharmacy", "prescriber"] = "prescriber"


class Booking(Noted):
    """What is booked, when and where."""

    model_config = _example(
        kind="delivery", starts_at="2026-12-09T16:00:00Z", place="12 Elm St, Chicago"
    )

    kind: Literal["delivery", "pickup", "infusion"] = "delivery"
    starts_at: Moment
    ends_at: Moment | None = None
    place: Text | None = None


class NewTime(Noted):
    """When, and if it changes, where."""

    model_config = _example(starts_at="2026-12-10T16:00:00Z")

    starts_at: Moment
    ends_at: Moment | None = None
    place: Text | None = None


class Shipment(Noted):
    """How the drug travels."""

    model_config = _example(carrier="UPS", tracking_number="1Z999", expected_on="2026-12-09")

    carrier: Line | None = None
    tracking_number: Line | None = None
    expected_on: date | None = None


class ShipmentReport(Noted):
    """What the carrier says."""

    model_config = _example(reason="delayed", carrier="UPS", expected_on="2026-12-10")

    reason: ShipmentTrouble
    carrier: Line | None = None
    expected_on: date | None = None


class Activation(Noted):
    """How and when the patient got the drug; without a time, now."""

    model_config = _example(how="picked_up")

    how: Literal["delivered", "picked_up", "administered"] = "delivered"
    had_at: Moment | None = None


class Hold(Noted):
    """Why work pauses, and until when an answer is wanted."""

    model_config = _example(reason="stock_out")

    reason: HoldReason
    respond_by: Moment | None = None


class Decline(Noted):
    """Why the pharmacy cannot serve the patient."""

    model_config = _example(reason="out_of_network")

    reason: DeclineReason


class Transfer(Noted):
    """Who serves the patient instead, and why."""

    model_config = _example(
        reason="payer_mandated_pharmacy",
        pharmacy_name="Elm Specialty",
        pharmacy_phone="+13125550170",
    )

    reason: TransferReason
    pharmacy_name: Line
    pharmacy_phone: Line | None = None


class CancellationWish(Noted):
    """Why the clinic wants to cancel."""

    model_config = _example(reason="alternative_therapy")

    reason: CancelReason = CancelReason.PRESCRIBER_WITHDREW


class Cancel(Noted):
    """Why; without it the clinic's reason counts."""

    model_config = _example(reason="unable_to_reach")

    reason: CancelReason | None = None


class Discontinue(Noted):
    """Why the therapy ends."""

    model_config = _example(reason="therapy_complete")

    reason: DiscontinueReason


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _level(value: Any) -> Any:
    """Take the external review by its name as well."""
    return AppealLevel.EXTERNAL if _lower(value) == "external" else value


class PriorAuthorizationIn(Strict):
    """The state that the authorization shall have, and whatever is known; the rest is kept."""

    model_config = _example(state="required_not_started", benefit="pharmacy", payer="Prairie")

    state: Annotated[PaState, BeforeValidator(_lower)]
    benefit: Benefit | None = Field(default=None, description="Needed when it is new")
    level: Annotated[Literal[1, 2, 3] | None, BeforeValidator(_level)] = Field(
        default=None, description="Of an appeal: 1, 2, or 3 = `external`; default: the next"
    )
    payer: Line | None = None
    case_id: Line | None = None
    reference_id: Line | None = None
    submitted_by: Line | None = None
    channel: Medium | None = None
    submitted_on: date | None = None
    decided_on: date | None = None
    authorization_number: Line | None = None
    effective_on: date | None = None
    expires_on: date | None = None
    units: Decimal | None = None
    appeal_deadline: date | None = None
    denial_reason: DenialReason | None = None
    note: Text | None = None
