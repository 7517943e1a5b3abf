"""The CloudEvents 1.0 envelope that every event travels in, and the base of all event classes."""

from datetime import datetime
from typing import Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from common.ids import new_id
from common.sealing import Sealed, Sealer

Person = TypeVar("Person", bound=BaseModel)
Card = type[BaseModel]
CardOf = type[Person]

SCHEMA_ROOT = "https://referral-loop.dev/schemas/"
"""A name, not an address that is fetched: the schemas lie in `common/schemas`."""


class Fact(BaseModel):
    """A frozen value inside an event; readers ignore fields that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Fact):
    """Something that happened, told in ids, codes and times; people's data only inside `sealed`."""

    type: ClassVar[str]
    topic: ClassVar[str]
    source: ClassVar[str]
    seals: ClassVar[Card | None] = None

    occurred_at: AwareDatetime
    sealed: Sealed | None = None

    @property
    def subject(self) -> str:
        """What the event is about: the record's key, so the order per subject is kept."""
        raise AssertionError("each event class names its subject")

    def with_sealed(self, sealer: Sealer, person: BaseModel) -> Self:
        """Return the same event carrying a person's data, bound to this type and subject."""
        return self.model_copy(update={"sealed": sealer.seal(person, self._context())})

    def unsealed(self, sealer: Sealer, model: CardOf[Person]) -> Person | None:
        """Return the person's data that travels with the event, if any does."""
        return sealer.unseal(self.sealed, model, self._context()) if self.sealed else None

    def _context(self) -> str:
        return f"{self.type}:{self.subject}"


class Envelope(BaseModel):
    """CloudEvents 1.0, structured JSON (spec 3.1), with `traceparent` and `recordedtime` extensions."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(default_factory=new_id)
    source: str
    type: str
    subject: str
    time: AwareDatetime
    recordedtime: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    traceparent: str | None = None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event, *, now: datetime, traceparent: str | None = None) -> "Envelope":
        """Wrap an event that is recorded now."""
        return cls(
            source=event.source,
            type=event.type,
            subject=event.subject,
            time=event.occurred_at,
            recordedtime=now,
            dataschema=f"{SCHEMA_ROOT}{event.type}.json",
            traceparent=traceparent,
            data=event.model_dump(mode="json", exclude_none=True),
        )

    def to_bytes(self) -> bytes:
        """Return the record's value."""
        return self.model_dump_json(exclude_none=True).encode()
