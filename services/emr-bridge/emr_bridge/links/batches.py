"""FHS and BHS batches at the door: each message is kept and answered, the answers go back as one batch."""

from collections.abc import Callable
from datetime import datetime

from common.ids import new_id
from emr_bridge.formats.hl7v2 import batch
from emr_bridge.formats.hl7v2.ack import control_id_of
from emr_bridge.formats.hl7v2.batch import File
from emr_bridge.formats.hl7v2.header import begins_batch, read_header
from emr_bridge.handlers.senders import Senders
from emr_bridge.ports import AnswerTo

NAMES = (b"FHS", b"BHS", b"MSH", b"BTS", b"FTS")

MOST = 5_000
"""Messages and envelopes of one batch: each takes its turn at the door, where the others wait."""


def is_batch(raw: bytes) -> bool:
    """Tell whether a payload begins as a batch does."""
    return begins_batch(raw)


def opened(raw: bytes, senders: Senders) -> File | None:
    """Return what a batch holds, if its sender's link sends batches; None too where it is a bomb."""
    link = senders.link_of(read_header(raw))
    is_taken = link and link.dialect.batches and sum(map(raw.count, NAMES)) <= MOST
    found = batch.split(raw) if is_taken else None
    return found if found and found.messages else None


class Answers:
    """Collects the answers of a batch's messages, in their order, and hands them over together."""

    def __init__(self, given: File, answered: AnswerTo, *, clock: Callable[[], datetime]) -> None:
        """Wait for as many answers as there are messages."""
        self._given = given
        self._answered = answered
        self._clock = clock
        self._answers: list[bytes | None] = [None] * len(given.messages)
        self._asked = 0
        self._missing = len(given.messages)

    def next(self) -> AnswerTo:
        """Return where the answer to the next message goes."""
        place, self._asked = self._asked, self._asked + 1

        def answered(answer: bytes | None) -> None:
            self._answers[place] = answer
            self._missing -= 1
            if not self._missing:
                self._hand_over()

        return answered

    def _hand_over(self) -> None:
        answers = [answer for answer in self._answers if answer is not None]
        control_id, now = control_id_of(new_id()), self._clock()
        self._answered(
            batch.answer(self._given, answers, control_id=control_id, now=now) if answers else None
        )
