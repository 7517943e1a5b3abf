"""Make messages findable by the numbers in them, without keeping the numbers readable."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from common.sealing import Sealer
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2.marks import Mark, marks_of
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers.interpret import Waiting
from emr_bridge.store.keys import Key

log = structlog.get_logger()

Marks = Sequence[tuple[UUID, Sequence[Mark]]]


def read_marks(messages: Sequence[Waiting]) -> Marks:
    """Return the numbers of messages; an acknowledgement has none. Slow: off the event loop."""
    read_ones = [message for message in messages if message.state is not State.IGNORED]
    return [(message.id, _marks(message)) for message in read_ones]


def _marks(message: Waiting) -> Sequence[Mark]:
    """Return the numbers of one message; where that fails it is found by its times, and stops no other."""
    link = message.link
    try:
        parsed = read(message.raw, default_charset=link.charset) if link else read(message.raw)
        return marks_of(parsed)
    except Exception as error:
        log.warning("marks_not_read", message_id=str(message.id), exc_info=error)
        return ()


def hashed(marks: Marks, *, sealer: Sealer) -> list[Key]:
    """Return the keyed hashes of messages' numbers."""
    return [
        (message_id, mark.kind, sealer.blind_index(mark.text))
        for message_id, found in marks
        for mark in found
    ]
