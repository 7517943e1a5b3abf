"""Keep up with what intake tells: a clinic's links, and which referral a message became."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from common.database import Transaction
from common.events.clinic import ClinicChanged
from common.events.referral import CancellationRequested, ReferralReceived
from common.verdicts import Heard
from emr_bridge.domain.link import Link, link_id
from emr_bridge.store import links, messages, readings, sources

log = structlog.get_logger()


async def clinic_changed(tx: Transaction, event: ClinicChanged, now: datetime) -> None:
    """Make the clinic's links what the event says; what their senders sent before is read now.

    Not for a guarded link: what came in its name before it was guarded may be anybody's, and stays
    with the person who has it.
    """
    del now  # nothing that happens here has a time
    current = [
        Link(
            id=link_id(event.clinic_id, link.id),
            clinic_id=event.clinic_id,
            sending_application=link.sending_application,
            sending_facility=link.sending_facility,
            charset=link.charset,
            host=link.host,
            port=link.port,
            receiving_application=link.receiving_application,
            receiving_facility=link.receiving_facility,
            dialect=link.dialect,
            time_zone=event.time_zone,
        )
        for link in event.hl7_links
    ]
    await links.replace(tx, event.clinic_id, current)
    reopened = await readings.read_again(
        tx, {one.sender_key for one in current if not one.is_guarded}
    )
    if reopened:
        log.info("messages_read_again", count=reopened, clinic_id=event.clinic_id)


async def referrals_received(
    tx: Transaction, heard: Sequence[Heard[ReferralReceived]], now: datetime
) -> None:
    """Remember which messages referrals came by, so that their numbers are echoed later."""
    del now  # nothing that happens here has a time
    became = [(e.source_message_id, e.referral_id) for e, _ in heard if e.source_message_id]
    await messages.attach_referrals(tx, became)


async def cancellation_requested(
    tx: Transaction, event: CancellationRequested, now: datetime
) -> None:
    """Remember that the clinic asked to cancel: a cancellation is then told as its confirmation."""
    del now  # nothing that happens here has a time
    await sources.note_cancel_asked(tx, event.referral_id)
