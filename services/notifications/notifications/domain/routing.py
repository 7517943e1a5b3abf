"""Which channel a clinic is told by: its own order, as far as each channel can be used."""

from collections.abc import Collection, Iterator

from common.events.notification import ChannelName
from notifications.domain.clinic import Clinic

Configured = frozenset[ChannelName]
"""The channels that this installation can use at all."""


def destination(clinic: Clinic, channel: ChannelName) -> str | None:
    """Return where a channel reaches the clinic, or None when it cannot.

    Fax: only a verified number that is not in quarantine. EMR: a link that has a host. Webhook: an
    endpoint with a secret that has not told us to stop.
    """
    if channel == "fax":
        return clinic.fax_number
    if channel == "emr":
        return next((link.id for link in clinic.hl7_links if link.host), None)
    if channel == "webhook":
        usable = clinic.webhook_secret and not clinic.webhook_disabled
        return clinic.webhook_url if usable else None
    return "console"


def eligible(clinic: Clinic, configured: Configured) -> Iterator[ChannelName]:
    """Yield the usable channels in the clinic's order, each once."""
    for channel in dict.fromkeys(clinic.channels):
        if channel in configured and destination(clinic, channel):
            yield channel


def next_channel(
    clinic: Clinic, configured: Configured, *, used: Collection[ChannelName] = ()
) -> ChannelName | None:
    """Return the first usable channel that was not used yet, or None when none is left."""
    return next((c for c in eligible(clinic, configured) if c not in used), None)


def may_leave(clinic: Clinic) -> bool:
    """Whether updates with patient data may leave for the clinic: only under a signed BAA."""
    return clinic.baa_signed_on is not None
