"""The EMR channel: no network here, it words the request that emr-bridge fulfils."""

from datetime import datetime

from common.events.envelope import Event
from common.events.notification import EmrDeliveryRequested, NoticeContent
from common.events.people import PatientCard
from common.sealing import Sealer
from notifications.domain.notice import Letter, Notice
from notifications.domain.parcel import Parcel


def request(parcel: Parcel, *, sealer: Sealer, now: datetime) -> Event | None:
    """Return the event that asks emr-bridge to send a notice; None when it is about nobody.

    An HL7 message names a patient; a notice without one goes by another channel.
    """
    patient = parcel.letter.notice.patient
    if patient is None:
        return None
    event = EmrDeliveryRequested(
        occurred_at=now,
        referral_id=parcel.referral_id,
        clinic_id=parcel.clinic_id,
        delivery_id=parcel.delivery_id,
        notice_id=parcel.notice_id,
        notice=parcel.letter.notice.name,
        referral_code=parcel.letter.notice.referral_code,
        referral_status=parcel.referral_status,
        happened_at=parcel.letter.notice.happened_at,
        appointment=parcel.appointment,
    )
    return event.with_sealed(sealer, content(parcel.letter, patient))


def content(letter: Letter, patient: PatientCard) -> NoticeContent:
    """Return what the message says, line by line."""
    return NoticeContent(
        addressed_to=letter.notice.addressed_to,
        title=letter.notice.title,
        lines=lines(letter.notice),
        patient=patient,
        appointment_place=letter.appointment_place,
    )


def lines(notice: Notice) -> tuple[str, ...]:
    """Return a notice as lines of plain text."""
    by_when = f" By: {notice.by_when}" if notice.by_when else ""
    said = (
        notice.happened,
        *(f"- {item}" for item in notice.items),
        notice.next_step,
        f"Who acts: {notice.who_acts}{by_when}",
    )
    return tuple(line for line in said if line)
