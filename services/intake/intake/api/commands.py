"""One endpoint per command. Each answers with the referral as it is afterwards, and its ETag.

A command that the status does not take is a 409 whose `allowed` names those that it does.
"""

from functools import partial

from fastapi import APIRouter

from common.idempotency import IdempotentRoute
from common.ids import new_id
from intake.api import bodies
from intake.api.given import REPEATABLE, OrderDep
from intake.api.refusals import COMMANDING
from intake.api.shapes import ReferralOut
from intake.api.submission import AnswerIn
from intake.domain import endings, holds, progress, scheduling, shipment
from intake.domain.appointment import Appointment
from intake.handlers import ask, correct, ship
from intake.handlers.ask import Answer
from intake.handlers.card import Said
from intake.handlers.file import Upload
from intake.handlers.ship import Parcel

router = APIRouter(
    prefix="/v1/referrals/{referral_id}",
    tags=["commands"],
    route_class=IdempotentRoute,
    responses=COMMANDING,
    dependencies=REPEATABLE,
)

NOTHING = bodies.Noted()
ASSISTANCE = bodies.FinancialAssistance()
REVIEW = bodies.ClinicalReview()
SHIPMENT = bodies.Shipment()
ACTIVATION = bodies.Activation()
WISH = bodies.CancellationWish()
CANCEL = bodies.Cancel()
"""Bodies that may be left out."""


@router.post("/accept", summary="Accept")
async def accept(order: OrderDep, body: bodies.Noted = NOTHING) -> ReferralOut:
    """Say that the pharmacy will serve the patient."""
    return await order.carry_out(progress.accept, body.note)


@router.post("/request-information", summary="Ask the clinic")
async def request_information(order: OrderDep, body: bodies.Questions) -> ReferralOut:
    """Ask free questions, from any open stage; the answer brings the referral back to that stage."""
    await ask.request(
        order.tx,
        order.desk,
        order.target,
        questions=body.questions,
        waits=body.waiting_on,
        respond_by=body.respond_by,
        now=order.now,
    )
    return await order.answer()


@router.post("/provide-information", summary="Answer with information")
async def provide_information(order: OrderDep, body: AnswerIn) -> ReferralOut:
    """Correct any fields of the referral, or send words and papers.

    Fields have the shape of the referral; lists replace the old list. Findings are made again:
    when nothing that blocks is left the referral goes back to its stage, else `questions` names it.
    Whose referral it is and when it came do not change: another `clinic_id` is refused, `received_at`
    is passed over.
    """
    answer = Answer(
        clinic_id=body.clinic_id,
        fields=correct.what_is_said(body),
        notes=body.notes,
        documents=[
            Upload(paper.content, paper.media_type, paper.name, f"/documents/{place}")
            for place, paper in enumerate(body.documents)
        ],
    )
    await ask.provide(order.tx, order.desk, order.target, answer, now=order.now)
    return await order.answer()


@router.post("/start-benefits-investigation", summary="Start the benefits investigation")
async def start_benefits_investigation(
    order: OrderDep, body: bodies.Noted = NOTHING
) -> ReferralOut:
    """Find out what the insurance covers."""
    return await order.carry_out(progress.start_benefits_investigation, body.note)


@router.post("/start-financial-assistance", summary="Start financial assistance")
async def start_financial_assistance(
    order: OrderDep, body: bodies.FinancialAssistance = ASSISTANCE
) -> ReferralOut:
    """Look for a copay card, a foundation or a bridge supply."""
    return await order.carry_out(
        partial(progress.start_financial_assistance, waits=body.waiting_on), body.note
    )


@router.post("/start-clinical-review", summary="Start the clinical review")
async def start_clinical_review(
    order: OrderDep, body: bodies.ClinicalReview = REVIEW
) -> ReferralOut:
    """Have a pharmacist look: labs, REMS, interactions."""
    return await order.carry_out(
        partial(progress.start_clinical_review, waits=body.waiting_on), body.note
    )


@router.post("/ready-to-schedule", summary="Ready for a date")
async def ready_to_schedule(order: OrderDep, body: bodies.Noted = NOTHING) -> ReferralOut:
    """Nothing stands in the way of a date. An open prior authorization does (409)."""
    return await order.carry_out(progress.ready_to_schedule, body.note)


@router.post("/schedule", summary="Book a date")
async def schedule(order: OrderDep, body: bodies.Booking) -> ReferralOut:
    """Book a delivery, pick-up or infusion.

    From a working stage the referral passes through `ready_to_schedule`. An open prior
    authorization blocks (409 names it).
    """
    booked = Appointment(
        id=new_id(),
        kind=body.kind,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        place=body.place,
    )
    return await order.carry_out(partial(scheduling.schedule, appointment=booked), body.note)


@router.post("/reschedule", summary="Move the date")
async def reschedule(order: OrderDep, body: bodies.NewTime) -> ReferralOut:
    """Move the appointment to another time, also after a no-show; it keeps its id."""
    decide = partial(
        scheduling.reschedule, starts_at=body.starts_at, ends_at=body.ends_at, place=body.place
    )
    return await order.carry_out(decide, body.note)


@router.post("/cancel-appointment", summary="Give up the date")
async def cancel_appointment(order: OrderDep, body: bodies.Noted = NOTHING) -> ReferralOut:
    """Give the date up; the referral is ready for another."""
    return await order.carry_out(scheduling.cancel_appointment, body.note)


@router.post("/no-show", summary="The patient was not there")
async def no_show(order: OrderDep, body: bodies.Noted = NOTHING) -> ReferralOut:
    """Record a no-show: the referral stays scheduled with the reason `missed` until there is a new date."""
    return await order.carry_out(scheduling.miss, body.note)


@router.post("/ship", summary="Ship the drug")
async def ship_drug(order: OrderDep, body: bodies.Shipment = SHIPMENT) -> ReferralOut:
    """Send the drug on its way.

    A wish to cancel that was not answered yet is told that it came too late.
    """
    parcel = Parcel(
        carrier=body.carrier,
        tracking_number=body.tracking_number,
        expected_on=body.expected_on,
    )
    said = Said(body.note)
    await ship.ship(order.tx, order.desk, order.target, parcel, said=said, now=order.now)
    return await order.answer()


@router.post("/report-shipment", summary="Report a late or returned shipment")
async def report_shipment(order: OrderDep, body: bodies.ShipmentReport) -> ReferralOut:
    """Pass on a delay or a return; what was returned can be scheduled again."""
    decide = partial(
        shipment.report, trouble=body.reason, carrier=body.carrier, expected_on=body.expected_on
    )
    return await order.carry_out(decide, body.note)


@router.post("/activate", summary="The patient has the drug")
async def activate(order: OrderDep, body: bodies.Activation = ACTIVATION) -> ReferralOut:
    """Record the loop's good end.

    What is `delivered` was shipped before; what is `picked_up` or `administered` need not be.
    """
    had_at = body.had_at or order.now
    return await order.carry_out(partial(shipment.activate, how=body.how, had_at=had_at), body.note)


@router.post("/hold", summary="Pause")
async def hold(order: OrderDep, body: bodies.Hold) -> ReferralOut:
    """Pause; `resume` goes on in the same status."""
    return await order.carry_out(
        partial(holds.hold, reason=body.reason, respond_by=body.respond_by), body.note
    )


@router.post("/resume", summary="Go on")
async def resume(order: OrderDep, body: bodies.Noted = NOTHING) -> ReferralOut:
    """Go on in the status in which the referral was held."""
    return await order.carry_out(holds.resume, body.note)


@router.post("/decline", summary="Decline")
async def decline(order: OrderDep, body: bodies.Decline) -> ReferralOut:
    """Say that the pharmacy will not serve the patient: an end."""
    return await order.carry_out(partial(endings.decline, reason=body.reason), body.note)


@router.post("/transfer", summary="Transfer to another pharmacy")
async def transfer(order: OrderDep, body: bodies.Transfer) -> ReferralOut:
    """Hand the patient on to another pharmacy: an end."""
    decide = partial(
        endings.transfer,
        reason=body.reason,
        pharmacy_name=body.pharmacy_name,
        pharmacy_phone=body.pharmacy_phone,
    )
    return await order.carry_out(decide, body.note)


@router.post("/request-cancellation", summary="The clinic asks to cancel")
async def request_cancellation(
    order: OrderDep, body: bodies.CancellationWish = WISH
) -> ReferralOut:
    """Take the clinic's wish. `cancel` confirms it; when the drug is shipped it is answered as too late."""
    return await order.carry_out(
        partial(endings.request_cancellation, reason=body.reason), body.note
    )


@router.post("/cancel", summary="Cancel")
async def cancel(order: OrderDep, body: bodies.Cancel = CANCEL) -> ReferralOut:
    """Confirm the clinic's wish, or cancel of the pharmacy's own accord: an end."""
    return await order.carry_out(partial(endings.cancel, reason=body.reason), body.note)


@router.post("/discontinue", summary="Discontinue")
async def discontinue(order: OrderDep, body: bodies.Discontinue) -> ReferralOut:
    """End an active therapy."""
    return await order.carry_out(partial(endings.discontinue, reason=body.reason), body.note)
