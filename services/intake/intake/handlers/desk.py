"""Who asks, and what handlers need beside the transaction."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from uuid import UUID

from common.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Desk:
    """The keys, the diagnosis codes that exist, who acts, and the message that made them act."""

    sealer: Sealer
    diagnoses: AbstractSet[str]
    actor: str = "api"
    source_message_id: UUID | None = None

    def of(self, actor: str, source_message_id: UUID | None = None) -> "Desk":
        """Return the same desk with somebody else at it."""
        return replace(self, actor=actor, source_message_id=source_message_id)
