"""Events as emr-bridge tells them, by the number: what the relay publishes and the consumer reads here."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from common.clock import utc_now
from common.eventlog.port import NewRecord
from common.events.emr import MessageReceived
from common.events.envelope import Envelope

SENDERS = 200
"""Order is kept per sender: so many keys share the partitions."""


def event(number: int, now: datetime) -> MessageReceived:
    """Return one of about 700 bytes on the topic."""
    return MessageReceived(
        occurred_at=now,
        message_id=uuid.uuid4(),
        sender=f"EPIC|CLINIC{number % SENDERS:03d}",
        link_id=f"clinic-{number % SENDERS:03d}/epic",
        message_type="REF^I12^REF_I12",
        control_id=f"{number:018d}",
    )


def records(count: int) -> Sequence[NewRecord]:
    """Return events as records, with the bytes and headers that the outbox gives them."""
    now = utc_now()
    return [_record(event(number, now), now) for number in range(count)]


def _record(told: MessageReceived, now: datetime) -> NewRecord:
    envelope = Envelope.of(told, now=now)
    headers = {
        "content-type": "application/cloudevents+json",
        "ce_id": str(envelope.id),
        "ce_type": envelope.type,
        "ce_subject": envelope.subject,
    }
    return NewRecord(told.topic, envelope.subject, envelope.to_bytes(), headers)
