"""Why a clinic cannot be told by a channel, and what would put it right."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from common.events.notification import ChannelName
from embedded.checks.tasks import SwitchedOff
from intake.api.clinics import ClinicOut
from notifications.domain.clinic import Clinic, works_again
from notifications.domain.routing import destination

UNKNOWN_SECRET = "(set)"  # noqa: S105 - stands for a secret that the API does not tell

SET_UP = {
    "fax": "set up the fax account: NOTIFICATIONS_SINCH_…",
    "console": "NOTIFICATIONS_CONSOLE=true, for demonstrations only",
}
GIVE = {
    "fax": "give it a fax number that is verified",
    "emr": "give a link its host",
    "webhook": "give the webhook its URL and secret",
}
LACKS = {
    "fax": "no verified number that works",
    "emr": "no link with a host",
    "webhook": "no webhook with URL and secret",
}
OFF = {
    "webhook": "the endpoint said on {} that it is gone (410): nothing is posted there any more",
    "fax": "the number {destination} proved to be wrong on {}: nothing is sent there any more",
}
MEND = {
    "webhook": "import the clinic with its new address; or, once this one takes webhooks again: {}",
    "fax": "import the clinic with the right number, or with a later verified_on; or, once it works: {}",
}


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a channel cannot be used, and what to do about it."""

    channel: ChannelName
    why: str
    todo: str


def still_off(clinic: ClinicOut, found: Sequence[SwitchedOff]) -> list[SwitchedOff]:
    """Return what is off and still the clinic's; a number that was verified since then works again."""
    return [one for one in found if _is_off(clinic, one)]


def _is_off(clinic: ClinicOut, one: SwitchedOff) -> bool:
    if one.channel == "webhook":
        return clinic.webhook is not None and clinic.webhook.url == one.destination
    return any(
        fax.number == one.destination
        and fax.verified_on is not None
        and not works_again(fax.verified_on, one.since)
        for fax in clinic.fax_numbers
    )


def of_switched_off(one: SwitchedOff) -> Hindrance:
    """Tell of an address that is used no more."""
    why = OFF[one.channel].format(f"{one.since:%Y-%m-%d}", destination=one.destination)
    todo = MEND[one.channel].format(f"referral-loop tasks done {one.task_id}")
    return Hindrance(one.channel, why, todo)


def as_notified(clinic: ClinicOut, off: Sequence[SwitchedOff]) -> Clinic:
    """Return the clinic as notifications sees it, as far as routing asks."""
    hook = clinic.webhook
    return Clinic(
        id=clinic.id,
        version=clinic.version,
        name=clinic.name,
        channels=clinic.channels,
        fax_numbers=clinic.fax_numbers,
        quarantined_numbers=frozenset(o.destination for o in off if o.channel == "fax"),
        webhook_url=hook.url if hook else None,
        webhook_secret=UNKNOWN_SECRET if hook and hook.secret_set else None,
        webhook_disabled=any(o.channel == "webhook" for o in off),
        hl7_links=clinic.hl7_links,
    )


def hindrances(
    clinic: Clinic, configured: Collection[ChannelName], off: Sequence[SwitchedOff]
) -> Iterator[Hindrance]:
    """Yield why each channel of the clinic cannot be used; nothing for one that can."""
    mends = {one.channel: of_switched_off(one).todo for one in off}
    for channel in dict.fromkeys(clinic.channels):
        if channel not in configured:
            yield Hindrance(channel, "not set up here", SET_UP.get(channel, ""))
        elif destination(clinic, channel) is None:
            why = "switched off" if channel in mends else LACKS[channel]
            yield Hindrance(channel, why, mends.get(channel, GIVE.get(channel, "")))
