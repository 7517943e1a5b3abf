"""What the service reads from the log, and which handler each event calls."""

from collections.abc import Sequence
from datetime import datetime

from common.database import Transaction
from common.events.clinic import ClinicChanged
from common.events.emr import MessageDelivered, MessageNotDelivered
from common.events.envelope import Event
from common.events.referral import ReferralEvent
from common.verdicts import Handler, Handlers, Heard, Together
from notifications.domain.telling import TOLD
from notifications.handlers.confirm import confirm
from notifications.handlers.directory import learn
from notifications.handlers.fail import Failure, give_up
from notifications.handlers.means import Means
from notifications.handlers.tell import tell_all

TOPICS = ("clinic.events", "referral.events", "emr.events")


def handlers(means: Means) -> Handlers:
    """Return the handler of each event that is read."""

    async def on_referral_events(
        tx: Transaction, heard: Sequence[Heard[ReferralEvent]], now: datetime
    ) -> None:
        await tell_all(tx, heard, means=means, now=now)

    async def on_clinic_changed(tx: Transaction, event: ClinicChanged, now: datetime) -> None:
        await learn(tx, event, means=means, now=now)

    async def on_not_delivered(tx: Transaction, event: MessageNotDelivered, now: datetime) -> None:
        failure, tried = Failure(event.verdict, event.code), event.attempts
        await give_up(tx, event.delivery_id, failure, means=means, now=now, tried=tried)

    told: dict[type[Event], Handler] = dict.fromkeys(TOLD, Together(on_referral_events))
    return told | {
        ClinicChanged: on_clinic_changed,
        MessageDelivered: on_delivered,
        MessageNotDelivered: on_not_delivered,
    }


async def on_delivered(tx: Transaction, event: MessageDelivered, now: datetime) -> None:
    """Take an EMR's acknowledgement as the confirmation, at the time of the acknowledgement."""
    tried, at = event.attempts, event.occurred_at
    await confirm(tx, event.delivery_id, at=at, now=now, tried=tried)
