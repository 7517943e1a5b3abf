"""The clinics: may they be told, by which channel, and do their links work."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.errors import Misconfigured
from common.events.notification import ChannelName
from embedded.checks.channels import (
    Hindrance,
    as_notified,
    hindrances,
    of_switched_off,
    still_off,
)
from embedded.checks.finding import Finding
from embedded.checks.tasks import Asked
from embedded.cli.client import Api
from intake.api.clinics import ClinicOut
from notifications.app import configured, sinch_account
from notifications.domain.routing import eligible
from notifications.settings import Settings

ALL = 10_000


def look(intake: Api, bridge: Api, settings: Settings, asked: Asked) -> Iterator[Finding]:
    """Look at every clinic and link; `asked` is what notifications asks people to do."""
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
        yield from _clinic(clinic, channels, asked)
    for link in bridge.get("/v1/links")["items"]:
        yield from _link(link)


def _clinic(
    clinic: ClinicOut, configured: frozenset[ChannelName], asked: Asked
) -> Iterator[Finding]:
    place = f"clinic {clinic.id}"
    todo = "" if clinic.baa_signed_on else "sign it and set baa_signed_on: no update leaves before"
    yield Finding(place, "BAA", f"signed {clinic.baa_signed_on}" if not todo else "none", todo)
    for warning in clinic.warnings:
        todo = f"give it, or take {warning.channel} out of the clinic's channels"
        yield Finding(place, f"channel {warning.channel}", warning.lacks, todo)
    off = still_off(clinic, asked.off_at(clinic.id))
    for gone in map(of_switched_off, off):
        yield Finding(place, f"channel {gone.channel}", gone.why, gone.todo)
    notified = as_notified(clinic, off)
    usable = list(eligible(notified, configured))
    if usable:
        yield Finding(place, "channels", ", ".join(usable))
    else:
        in_the_way = list(hindrances(notified, configured, off))
        yield _no_channel(clinic.id, in_the_way, asked.untold(clinic.id))


def _no_channel(clinic_id: str, in_the_way: Sequence[Hindrance], untold: int) -> Finding:
    why = "; ".join(f"{one.channel}: {one.why}" for one in in_the_way) or "it names none"
    told = f"no channel is left ({why}): it is told of nothing; notices that wait: {untold}"
    ways = [f"{one.channel}: {one.todo}" for one in in_the_way] or ["name one in its channels"]
    if untold:
        ways.append(f"meanwhile tell it yourself: referral-loop tasks list --clinic {clinic_id}")
    return Finding(f"clinic {clinic_id}", "channels", told, "; ".join(ways))


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
