"""The generated page about what we send by HL7 v2: to be handed to whoever looks after an EMR."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from common.events.clinic import Hl7Dialect
from common.events.notification import EmrDeliveryRequested, NoticeContent
from common.events.people import PatientCard
from common.events.referral import Appointment
from emr_bridge.domain import redelivery
from emr_bridge.domain.link import Link
from emr_bridge.domain.outgoing import Outgoing, Profile, Source, Us
from emr_bridge.domain.redelivery import Decision
from emr_bridge.formats.hl7v2.builders import booking, build_report
from emr_bridge.formats.hl7v2.crosswalk import TABLE, UNNAMED, UNVERIFIED, Row
from notifications.domain.promise import DEFAULT_TERMS
from notifications.domain.telling import TOLD

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
EXAMPLE = UUID("0192f0c1-7d4e-7b7a-9c39-0f8a5f7f6c11")
BOOKED = Appointment(id=EXAMPLE, kind="delivery", starts_at=NOON + timedelta(days=2))
PRD = "PRD|RP^Referring provider^HL70286|ZZTESTDOCTOR^ANNE^^^^MD^L|||^WPN^PH^^1^617^5550110||1234567893^NPI"
BASE64 = re.compile(r"(?<=\^Base64\^)[A-Za-z0-9+/=]{60,}")

PROFILES: dict[Profile, str] = {
    "oru": "`oru` (the default): ORU^R01, a status report as text",
    "mdm": "`mdm`: MDM^T02, a PDF letter that is filed as a document",
    "rri": "`rri`: RRI, the answer to your REF; a referral that came by another way is told as ORU^R01",
    "osu": "`osu`: OSU^O51, 360X-shaped, for orders with a number; without one ORU^R01",
    "siu": "SIU beside any of them: for appointments, unless the link has `appointments: false`",
}
THEN = {
    Decision.DELIVERED: "delivered: the promise is kept",
    Decision.RETRY: "sent again, with the same MSH-10 and the same bytes",
    Decision.PARK: "parked: not sent again until a person has looked; the next channel is used at once",
}
WORDS = {
    "referral_received": ("We have the referral and have begun to work on it.", "the pharmacy"),
    "information_needed": (
        "We need two answers before we can go on: weight; diagnosis.",
        "your office",
    ),
    "prior_authorization_changed": ("The plan has denied the prior authorization.", "your office"),
    "prior_authorization_pending": ("The plan has not decided yet.", "the plan"),
    "referral_scheduled": (
        "The drug will be delivered on Wednesday, March 4, noon.",
        "the patient",
    ),
    "appointment_missed": ("The patient was not there for the delivery.", "the patient"),
    "referral_activated": ("The patient has the drug.", "nobody"),
    "referral_declined": (
        "We cannot serve the patient: the drug is out of our network.",
        "your office",
    ),
    "cancellation_confirmed": ("The referral is cancelled, as you asked.", "nobody"),
    "cancellation_overtaken": (
        "You asked to cancel; the drug had been delivered before.",
        "your office",
    ),
}
"""What happened, and who acts, where the milestone's name does not say enough."""

STATUS = {"referral_received": "received", "referral_declined": "declined"}


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_intro(), *_notices(), *_profiles(), *_answers(), *_samples()]) + "\n"


def _intro() -> Iterator[str]:
    yield "# What we send by HL7 v2\n"
    yield "Generated from the code, sample messages included: this page can be handed to whoever looks after"
    yield "the EMR. How a link is set up: [guide](../guide/connect-an-emr.md)."
    yield "\n- One connection, kept open; one message in flight unless the link's `in_flight` says more."
    yield "- Messages of one referral come in their order; those of others do not wait for them."
    yield "- MSH-10 is unique. A message without an answer comes again with the same MSH-10 and the same bytes."
    yield "- Your numbers (RF1-6, ORC-2, OBR-2, SCH-26, TXA-14, PID-3, PRD `RP`) come back as you sent them."
    yield "- Times are in the clinic's time zone, with the offset."
    yield "- MSH-15 and MSH-16 are empty (answer AA); `AL`/`AL` where the link waits for AA after CA."


def _notices() -> Iterator[str]:
    yield "\n## When\n\n| event | notice | promised within |\n|---|---|---|"
    for event, telling in TOLD.items():
        within = DEFAULT_TERMS[telling.owed].within if telling.owed else None
        hours = f"{within.total_seconds() / 3600:g} h" if within else ""
        yield f"| `{event.type}` | {telling.notice} | {hours} |"


def _profiles() -> Iterator[str]:
    yield "\n## In which message, with which codes"
    yield f"\nRows that are `{UNVERIFIED}` are our choice where no public source says more: to be agreed."
    for profile, said in PROFILES.items():
        rows = [row for row in TABLE if row.profile == profile]
        places = list(rows[0].codes)
        yield f"\n### {said}\n\n| milestone | MSH-9 | {' | '.join(places)} | verified by |"
        yield f"|---|---|{'---|' * len(places)}---|"
        for row in rows:
            codes = " | ".join(row.codes[place] for place in places)
            yield f"| {row.milestone} | {row.message} | {codes} | {row.verified_by} |"


def _answers() -> Iterator[str]:
    yield "\n## What your answer means to us\n\nAn error code (ERR-3, table 0357) counts before MSA-1:\n"
    yield "| ERR-3 | what we do |\n|---|---|"
    content, passing = ", ".join(redelivery.CONTENT), ", ".join(redelivery.PASSING)
    opened = f"after {redelivery.FAULTS_TO_OPEN} in a row the link rests (5 minutes to 1 hour)"
    yield f"| {', '.join(redelivery.CONFIGURATION)} | {THEN[Decision.PARK]}; {opened} |"
    yield f"| {content} | {THEN[Decision.PARK]}; other referrals go on |"
    yield f"| {passing} | {THEN[Decision.RETRY]}, up to {redelivery.MOST_TRIES} times in 24 h |"
    yield "\nWithout an error code, by the link's `nack`:\n"
    yield "| `nack` | AA, CA | AE | AR | CE | CR |\n|---|---|---|---|---|---|"
    for preset, meant in redelivery.PRESETS.items():
        told = " | ".join(meant[code].value for code in ("AE", "AR", "CE", "CR"))
        yield f"| `{preset}` | delivered | {told} |"
    yield "\n`hold-link` also stops the whole link while a message is parked (4 hours at most)."
    yield "\nNo answer, or a connection that broke after sending: sent again. An answer with another MSA-2 is"
    yield "passed over. A refused connection is tried again after 1 s, doubling up to 60 s."
    yield "\nWith `application_ack: true` CA alone is not enough: AA, AE or AR must follow, on the same"
    yield "connection or as a message to our listener, within 10 minutes."


def _samples() -> Iterator[str]:
    yield "\n## Samples\n\nSynthetic. Segments end in CR on the wire; here each is a line, and PDFs are cut."
    for profile, said in PROFILES.items():
        yield f"\n### {said.split(':')[0]}"
        for row in TABLE:
            if row.profile == profile:
                yield f"\n#### {row.milestone}\n\n```hl7\n{shown(sample(row))}\n```"


def sample(row: Row) -> bytes:
    """Return a row's message for a made-up patient."""
    made = _outgoing(row)
    return booking(made) if row.profile == "siu" else build_report(made)


def shown(message: bytes) -> str:
    """Return a message as it is printed: a line per segment, PDFs cut."""
    lines = message.decode().rstrip("\r").replace("\r", "\n")
    return BASE64.sub(
        lambda found: f"{found.group()[:40]}... ({len(found.group())} characters)", lines
    )


def _outgoing(row: Row) -> Outgoing:
    profile = "oru" if row.profile == "siu" else row.profile
    link = Link(
        "lakeside/epic",
        "lakeside",
        "ZZEMR",
        "ZZCLINIC",
        dialect=Hl7Dialect.model_validate({"profile": profile}),
        time_zone="America/New_York",
    )
    made = Outgoing(
        control_id="01OURCONTROLID000001",
        made_at=NOON,
        us=Us(phone="+16175550100", fax="+16175550101"),
        link=link,
        request=_request(row),
        content=_content(row.milestone),
        placer="ZZORD000001^ZZEMR",
        patient_ids="ZZ100001^^^ZZCLINIC^MR",
        provider="1234567893^ZZTESTDOCTOR^ANNE",
        source=_source(row),
    )
    moved = row.milestone == UNNAMED
    return replace(made, booked_before=BOOKED.starts_at) if moved else made


def _source(row: Row) -> Source:
    asked = row.milestone == "cancellation_confirmed"
    if row.profile == "osu":
        return Source("OMG^O19", "ZZMSG0001", profile_id="360X", cancel_asked=asked)
    return Source("REF^I12", "ZZMSG0001", referrer=PRD, cancel_asked=asked)


def _request(row: Row) -> EmrDeliveryRequested:
    renamed = {"cancellation_confirmed": "referral_cancelled", UNNAMED: "appointment_rescheduled"}
    notice = renamed.get(row.milestone, row.milestone)
    booked = notice.startswith("appointment") or notice == "referral_scheduled"
    return EmrDeliveryRequested(
        occurred_at=NOON,
        referral_id=EXAMPLE,
        clinic_id="lakeside",
        delivery_id=EXAMPLE,
        notice_id=EXAMPLE,
        notice=notice,
        referral_code="8PAF57",
        referral_status=STATUS.get(notice, "accepted"),
        happened_at=NOON,
        appointment=BOOKED if booked else None,
    )


def _content(milestone: str) -> NoticeContent:
    title = milestone.replace("_", " ").capitalize()
    happened, acts = WORDS.get(milestone, (f"{title}.", "the pharmacy"))
    return NoticeContent(
        addressed_to="Jane Miller, Lakeside Rheumatology",
        title=title,
        lines=(happened, f"Who acts: {acts}"),
        patient=PatientCard(family_name="ZZTESTPATIENT", given_names=("JANE",)),
    )
