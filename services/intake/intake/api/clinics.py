"""Clinics: registering, changing, reading. The body of a PUT is also an entry of the clinic file."""

from datetime import date, time, timedelta
from typing import Annotated, TypeVar
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema

from common.dependencies import Now, Read, Tx
from common.errors import FieldError, Invalid
from common.events.clinic import FaxNumber, Hl7Link, OpeningHours, PromiseKind, PromiseTerm
from common.events.people import Contact
from common.loopback import is_loopback
from intake.api import examples
from intake.api.dialect import Hl7DialectIn
from intake.api.given import Base, DeskDep, IfMatch, etag, versions_of
from intake.api.refusals import LISTING, PUTTING, READING
from intake.api.strict import NO_NUL, STRICT, Strict
from intake.domain.clinic import Channel, Clinic
from intake.handlers import register
from intake.store import clinics

router = APIRouter(prefix="/v1/clinics", tags=["clinics"])

TOLD_APART = frozenset({"webhook", "warnings"})

LONGEST_PROMISE = timedelta(days=366)

Kind = TypeVar("Kind", bound=BaseModel)

ClinicId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["lakeside"]),
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL),
]

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
LocalTime = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": CLOCK, "examples": ["08:00"]})
]
"""A time on the clinic's wall: no `format: time`, which RFC 3339 gives an offset."""


class OpeningHoursIn(OpeningHours, Strict):
    """When the clinic is open on a weekday (0 = Monday), in its own time."""

    opens: LocalTime
    closes: LocalTime


class FaxNumberIn(FaxNumber, Strict):
    """A fax number in E.164; only one with `verified_on` is ever sent to."""

    number: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class ClinicContactIn(Contact, Strict):
    """A person to whom updates are addressed."""

    name: Name


class WebhookIn(Strict):
    """Where updates are posted. The secret is never shown; left out, the one that is known is kept."""

    url: Annotated[
        str, StringConstraints(pattern=r"^https?://[^\s\x00/]+(/[^\s\x00]*)?$", max_length=2000)
    ]
    secret: Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/=]{16,}$")] | None = (
        Field(default=None, description="`whsec_` + base64 (Standard Webhooks)")
    )
    secret_set: bool | None = Field(default=None, description="Only told; ignored when sent")


class Hl7LinkIn(Hl7Link, Strict):
    """How the EMR is reached and how its messages are known."""

    id: Name
    sending_application: Name
    sending_facility: Name
    host: Name | None = None
    charset: Name = "utf-8"
    receiving_application: Name | None = None
    receiving_facility: Name | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    dialect: Hl7DialectIn = Hl7DialectIn()


class PromiseTermIn(PromiseTerm, Strict):
    """How long we may take (ISO 8601), and whether only the clinic's opening hours count."""

    within: Annotated[timedelta, Field(gt=timedelta(0), le=LONGEST_PROMISE)]


class ChannelWarning(Strict):
    """A channel that the clinic names and cannot be told by yet."""

    channel: Channel
    lacks: str = Field(examples=["no webhook with a URL"])


class ClinicIn(Strict):
    """Everything that is known of a clinic."""

    model_config = STRICT | {"json_schema_extra": {"examples": [examples.CLINIC]}}

    id: str | None = Field(default=None, description="As in the path, if given")
    version: int | None = Field(default=None, description="Only told; ignored when sent")
    name: Name
    npi: Name | None = None
    time_zone: str = Field(default="UTC", description="IANA name")
    opening_hours: tuple[OpeningHoursIn, ...] = ()
    holidays: tuple[date, ...] = ()
    fax_numbers: tuple[FaxNumberIn, ...] = ()
    contacts: tuple[ClinicContactIn, ...] = ()
    channels: tuple[Channel, ...] = Field(
        default=(), description="In the order in which they are tried"
    )
    webhook: WebhookIn | None = None
    hl7_links: tuple[Hl7LinkIn, ...] = ()
    promises: dict[PromiseKind, PromiseTermIn] = Field(default_factory=dict)
    baa_signed_on: date | None = Field(
        default=None, description="Before it is set no update with patient data leaves"
    )
    onboarded_on: date | None = None
    warnings: tuple[ChannelWarning, ...] = Field(
        default=(),
        description="Only told; ignored when sent. Channels that lack what the clinic is told by",
    )


class ClinicOut(ClinicIn):
    """A clinic as it is kept; the webhook's secret is not shown."""

    id: str
    version: int


class ClinicPage(BaseModel):
    """A page of clinics; `next` is where the following page is, or null."""

    items: list[ClinicOut]
    next: str | None


@router.put(
    "/{clinic_id}",
    summary="Register or change a clinic",
    responses=PUTTING | {201: {"model": ClinicOut, "description": "The clinic is new"}},
)
async def put(
    clinic_id: ClinicId,
    body: ClinicIn,
    tx: Tx,
    now: Now,
    desk: DeskDep,
    response: Response,
    if_match: IfMatch = None,
) -> ClinicOut:
    """Keep everything that is known of a clinic. The same again changes nothing and tells nobody.

    A channel without its means (no verified fax number, no URL, no link with a host) is taken, and
    named in `warnings`. A webhook by plain http is refused, but on this machine.
    """
    if body.id not in {None, clinic_id}:
        fault = FieldError("/id", "is another one than in the path")
        raise Invalid("the clinic's id is its path", errors=[fault])
    if body.webhook is not None:
        _refuse_plain_http(body.webhook.url)
    clinic, is_new = await register.put(
        tx, desk, _clinic(clinic_id, body), versions=versions_of(if_match), now=now
    )
    response.status_code = 201 if is_new else 200
    response.headers["ETag"] = etag(clinic.version)
    return _view(clinic)


@router.get("/{clinic_id}", summary="Read a clinic", responses=READING)
async def get(clinic_id: ClinicId, tx: Read, desk: DeskDep, response: Response) -> ClinicOut:
    """Return a clinic; the ETag is its version."""
    clinic = await clinics.get(tx, desk.sealer, clinic_id)
    response.headers["ETag"] = etag(clinic.version)
    return _view(clinic)


@router.get("", summary="List clinics", responses=LISTING)
async def get_page(
    tx: Read,
    desk: DeskDep,
    base: Base,
    cursor: Annotated[str | None, Query(description="From `next`; opaque", pattern=NO_NUL)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> ClinicPage:
    """List clinics in the order of their ids."""
    found = await clinics.page(tx, desk.sealer, after=cursor, limit=limit + 1)
    items = [_view(clinic) for clinic in found[:limit]]
    more = len(found) > limit
    query = urlencode({"cursor": items[-1].id, "limit": limit}) if more else ""
    return ClinicPage(items=items, next=f"{base}/v1/clinics?{query}" if more else None)


def _refuse_plain_http(address: str) -> None:
    """Refuse where updates would go unencrypted: none is ever posted there."""
    try:
        url = urlsplit(address)
        safe = url.scheme == "https" or is_loopback(url.hostname or "")
    except ValueError:
        safe = False
    if not safe:
        fault = FieldError("/webhook/url", "must be https, unless it is on this machine")
        raise Invalid("webhooks are posted by https only", errors=[fault])


def _clinic(clinic_id: str, body: ClinicIn) -> Clinic:
    return Clinic(
        id=clinic_id,
        name=body.name,
        npi=body.npi,
        time_zone=body.time_zone,
        opening_hours=tuple(_plain(OpeningHours, hours) for hours in body.opening_hours),
        holidays=body.holidays,
        fax_numbers=tuple(_plain(FaxNumber, number) for number in body.fax_numbers),
        contacts=tuple(_plain(Contact, contact) for contact in body.contacts),
        channels=body.channels,
        webhook_url=body.webhook.url if body.webhook else None,
        webhook_secret=body.webhook.secret if body.webhook else None,
        hl7_links=tuple(_plain(Hl7Link, link) for link in body.hl7_links),
        promises={kind: _plain(PromiseTerm, term) for kind, term in body.promises.items()},
        baa_signed_on=body.baa_signed_on,
        onboarded_on=body.onboarded_on,
    )


def _plain(kind: type[Kind], given: BaseModel) -> Kind:
    """Return a part as the events have it, so that what is read again compares as equal."""
    return kind.model_validate(given.model_dump())


def _view(clinic: Clinic) -> ClinicOut:
    plain = {
        name: getattr(clinic, name) for name in ClinicOut.model_fields if name not in TOLD_APART
    }
    warnings = [{"channel": name, "lacks": lack} for name, lack in clinic.channels_without_means()]
    webhook = {"url": clinic.webhook_url, "secret_set": clinic.webhook_secret is not None}
    return ClinicOut.model_validate(
        plain | {"webhook": webhook if clinic.webhook_url else None, "warnings": warnings},
        from_attributes=True,
    )
