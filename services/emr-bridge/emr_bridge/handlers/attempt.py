"""One attempt to send one message, once nothing about it may be chosen any more."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from emr_bridge.domain.link import Link
from emr_bridge.domain.redelivery import Policy


@dataclass(frozen=True, slots=True)
class Attempt:
    """What goes out, over which link, and the row that it was noted in."""

    id: UUID
    row: RowMapping
    link: Link
    message: bytes

    @property
    def control_id(self) -> str:
        """MSH-10, the same at every attempt."""
        return str(self.row["control_id"])


def policy_of(link: Link) -> Policy:
    """Return how a link's answers are read."""
    return Policy(link.dialect.nack, application_ack=link.dialect.application_ack)
