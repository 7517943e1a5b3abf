"""What is decided of a message at the door, from MSH, its link and its connection alone. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from common.events.clinic import Hl7Dialect
from emr_bridge.domain.link import USUAL, Link
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal
from emr_bridge.formats.hl7v2.header import Header
from emr_bridge.formats.hl7v2.interpret import EVENTS
from emr_bridge.formats.hl7v2.manner import Manner, manner_of

TAKEN = (State.RECEIVED, State.KEPT)
"""What the sender was told that we have."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message is taken, why not, and in which words that is said."""

    state: State
    refusal: Refusal | None
    manner: Manner

    @property
    def is_answered(self) -> bool:
        """Tell whether anything is said at once: an acknowledgement is never acknowledged."""
        if self.state is State.IGNORED:
            return False
        return self.manner.wants_accept(is_error=self.refusal is not None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided of a message, and what its row says of its sender.

    It holds for every message up to `limit` (None: any) whose header says the same.
    """

    verdict: Verdict
    is_answered: bool
    sender: str
    message_type: str
    link_id: str | None
    clinic_id: str | None
    limit: int | None


def dialect_of(link: Link | None) -> Hl7Dialect:
    """Return how a link's EMR speaks; of an unknown sender we believe the usual."""
    return link.dialect if link else USUAL


def judge(
    header: Header,
    link: Link | None,
    *,
    is_foreign: bool = False,
    size: int = 0,
    processing_ids: Collection[str] = (),
    refusal: Refusal | None = None,
) -> Verdict:
    """Decide; with a `refusal` it has been decided that the control id was used before.

    `is_foreign`: the sender's name is not the connection's. `processing_ids` is what the service
    takes (MSH-11) where the link does not say; empty lets all pass.
    """
    dialect = dialect_of(link)
    manner = manner_of(header, dialect.acknowledgement)
    if ack.is_acknowledgement(header):
        return Verdict(State.IGNORED, None, manner)
    if refusal:
        return Verdict(State.CONFLICTING, refusal, manner)
    found = (
        _unreadable(header)
        or (ack.FOREIGN_SENDER if is_foreign else None)
        or _too_large(dialect, size)
        or _of_another_world(header, dialect, processing_ids)
    )
    if found:
        return Verdict(State.REFUSED, found, manner)
    unknown = _unknown_type(header)
    if unknown and dialect.unknown_types == "refuse":
        return Verdict(State.REFUSED, unknown, manner)
    return Verdict(State.KEPT if unknown else State.RECEIVED, None, manner)


def _unreadable(header: Header) -> Refusal | None:
    if header.is_batch:
        return ack.BATCH
    return None if header.is_readable else ack.NO_HEADER


def _too_large(dialect: Hl7Dialect, size: int) -> Refusal | None:
    limit = dialect.max_message_bytes
    return ack.TOO_LARGE if limit is not None and size > limit else None


def _of_another_world(
    header: Header, dialect: Hl7Dialect, processing_ids: Collection[str]
) -> Refusal | None:
    """MSH-11 and MSH-12; a sender that leaves MSH-11 empty means production."""
    taken = dialect.processing_ids or processing_ids
    if taken and (header.component(11, 1).upper() or "P") not in taken:
        told = f"MSH-11 is one of {', '.join(sorted(taken))}"
        return replace(ack.WRONG_PROCESSING_ID, diagnostic=told)
    versions = dialect.versions
    if versions and header.component(12, 1) not in versions:
        told = f"MSH-12 is one of {', '.join(versions)}"
        return replace(ack.WRONG_VERSION, diagnostic=told)
    return None


def _unknown_type(header: Header) -> Refusal | None:
    name, event = header.kind
    if name not in EVENTS:
        return ack.UNKNOWN_TYPE
    return None if not event or event in EVENTS[name] else ack.UNKNOWN_EVENT
