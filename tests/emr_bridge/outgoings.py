"""Notices on their way, as the tests of builders need them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.emr_bridge.builders import link

from common.events.clinic import Hl7Dialect
from common.events.notification import EmrDeliveryRequested, NoticeContent
from common.events.people import PatientCard
from common.events.referral import Appointment
from emr_bridge.domain.outgoing import Outgoing, Source, Us
from emr_bridge.formats.hl7v2.crosswalk import UNNAMED

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
REFERRAL = UUID("0195a000-0000-7000-8000-000000000001")
APPOINTMENT = Appointment(
    id=UUID("0195a000-0000-7000-8000-000000000002"),
    kind="delivery",
    starts_at=NOW + timedelta(days=2),
    ends_at=NOW + timedelta(days=2, hours=1),
)
PLACER = "PL-1^EPIC^1.2.3^ISO^^"
PATIENT_IDS = "77^^^NORTH&1.2&ISO^MR~88^^^STATE^PI^^^"
PROVIDER = "9^ZZDOC^Ann^^^^MD^^X&1.2&ISO~N^ZZDOC"
REFERRER = "PRD|RP|ZZDOC^Ann^^^Dr|||^WPN^PH^^^503^5550100||9^NPI~x\\T\\y|||"
CONTENT = NoticeContent(
    addressed_to="Nora ZZTESTNURSE",
    title="Prior authorization denied",
    lines=("Step therapy | not met & more", "- send ^ labs", "", "Reply by 3 March"),
    patient=PatientCard(
        family_name="ZZTEST", given_names=("Anna", "M", "L"), birth_date=date(1980, 1, 2)
    ),
    appointment_place="12 Elm St, Portland",
)


def outgoing(notice="referral_received", *, of=None, booked=None, **values) -> Outgoing:
    request = EmrDeliveryRequested(
        occurred_at=NOW,
        referral_id=REFERRAL,
        clinic_id="north-clinic",
        delivery_id=UUID(int=5),
        notice_id=UUID(int=6),
        notice=notice,
        referral_code="R4K7QM",
        referral_status="prior_authorization",
        happened_at=NOW - timedelta(minutes=5),
        appointment=booked,
    )
    given: dict[str, Any] = {
        "control_id": "0" * 20,
        "made_at": NOW,
        "us": Us(),
        "link": link(),
        "request": request,
        "content": of or CONTENT,
        "placer": PLACER,
        "patient_ids": PATIENT_IDS,
        "provider": PROVIDER,
    }
    return Outgoing(**given | values)


def in_profile(milestone, profile, **values) -> Outgoing:
    """Return a notice as it goes out over a link of that profile."""
    dialect = Hl7Dialect.model_validate(values.pop("dialect", {}) | {"profile": profile})
    source = Source("REF^I12", "M-1", referrer=REFERRER)
    notice, booked = milestone, values.pop("booked", None)
    if milestone == "cancellation_confirmed":
        notice = "referral_cancelled"
        source = Source("REF^I12", "M-1", referrer=REFERRER, cancel_asked=True)
    if milestone == UNNAMED:
        notice, booked = "appointment_rescheduled", APPOINTMENT
        values["booked_before"] = APPOINTMENT.starts_at
    over = link(dialect=dialect, time_zone="America/Los_Angeles")
    return outgoing(notice, **{"booked": booked, "link": over, "source": source} | values)
