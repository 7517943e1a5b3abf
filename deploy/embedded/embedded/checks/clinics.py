"""The clinics: may they be told, by which channel, and do their links work."""

from collections.abc import Iterator, Mapping
from typing import Any

from common.errors import Misconfigured
from common.events.notification import ChannelName
from embedded.checks.finding import Finding
from embedded.cli.client import Api
from intake.api.clinics import ClinicOut
from notifications.app import configured, sinch_account
from notifications.domain.clinic import Clinic
from notifications.domain.routing import eligible
from notifications.settings import Settings

ALL = 10_000
UNKNOWN_SECRET = "(set)"  # noqa: S105 - stands for a secret that the API does not tell


def look(intake: Api, bridge: Api, settings: Settings) -> Iterator[Finding]:
    """Look at every clinic and link."""
    try:
        channels = configured(settings, sinch_account(settings))
    except Misconfigured as error:
        yield Finding("here", "fax account", str(error), "correct NOTIFICATIONS_SINCH_…")
        channels = configured(settings, None)
    else:
        yield Finding("here", "fax account", "configured" if "fax" in channels else "none")
    found = intake.listed("/v1/clinics", {}, limit=ALL)
    clinics = [ClinicOut.model_validate(row) for row in found]
    if not clinics:
        yield Finding("clinics", "registered", "none", "referral-loop clinics import FILE")
    for clinic in clinics:
        yield from _clinic(clinic, channels)
    for link in bridge.get("/v1/links")["items"]:
        yield from _link(link)


def _clinic(clinic: ClinicOut, channels: frozenset[ChannelName]) -> Iterator[Finding]:
    place = f"clinic {clinic.id}"
    todo = "" if clinic.baa_signed_on else "sign it and set baa_signed_on: no update leaves before"
    yield Finding(place, "BAA", f"signed {clinic.baa_signed_on}" if not todo else "none", todo)
    for warning in clinic.warnings:
        todo = f"give it, or take {warning.channel} out of the clinic's channels"
        yield Finding(place, f"channel {warning.channel}", warning.lacks, todo)
    usable = list(eligible(_as_notified(clinic), channels))
    if usable:
        yield Finding(place, "channels", ", ".join(usable))
        return
    why = f"none of {', '.join(clinic.channels) or 'no channel'} can be used by the settings here"
    todo = "verify a fax number, give a webhook its secret or a link its host, or set up the fax account"
    yield Finding(place, "channels", why, todo)


def _as_notified(clinic: ClinicOut) -> Clinic:
    """Return the clinic as notifications sees it, as far as routing asks."""
    hook = clinic.webhook
    return Clinic(
        id=clinic.id,
        version=clinic.version,
        name=clinic.name,
        channels=clinic.channels,
        fax_numbers=clinic.fax_numbers,
        webhook_url=hook.url if hook else None,
        webhook_secret=UNKNOWN_SECRET if hook and hook.secret_set else None,
        hl7_links=clinic.hl7_links,
    )


def _link(link: Mapping[str, Any]) -> Iterator[Finding]:
    if link["state"] in {"removed", "inbound_only"}:
        return
    place, where = f"link {link['id']}", f"{link['host']}:{link['port']}"
    if link["state"] != "down":
        yield Finding(place, "works", f"{where}, {link['depth']} messages wait")
        return
    told = f"{where} since {link['down_since'][:19]}Z ({link['last_error']}), {link['depth']} wait"
    yield Finding(
        place, "works", told, "ask the clinic's interface team; see `docs/guide/operate.md`"
    )
