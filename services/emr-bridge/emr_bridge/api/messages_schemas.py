"""What is told of messages, and by what they are searched."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from common.moment import Moment
from emr_bridge.api.schemas import Answer
from emr_bridge.domain.message import State
from emr_bridge.domain.outgoing import OutState
from emr_bridge.store.search import Direction, Wanted

STATES = tuple(dict.fromkeys([*map(str, State), *map(str, OutState)]))
StateName = Annotated[str, Field(pattern=f"^({'|'.join(STATES)})$", examples=["review"])]
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class MessageOut(Answer):
    """One message, without its content; what only a received one has is null for one that we send."""

    id: UUID
    direction: Literal["received", "sent"]
    sender: str | None = Field(default=None, description="MSH-3|MSH-4", examples=["EPIC|NORTH"])
    control_id: str | None = Field(description="MSH-10")
    message_type: str | None = Field(description="MSH-9", examples=["REF^I12"])
    link_id: str | None
    clinic_id: str | None
    state: StateName
    reason: str | None = Field(
        description="Why it was refused, or why a person must look; of one that we sent, the answer"
    )
    repairs: list[str] | None = Field(default=None, description="What had to be mended to read it")
    became: str | None = Field(default=None, description="The event that it led to")
    referral_id: UUID | None = Field(
        description="The referral that came of it, or that it tells of"
    )
    size: int | None = None
    sha256: str | None = None
    duplicates: int | None = Field(default=None, description="How often the same bytes came again")
    at: AwareDatetime = Field(description="When it came, or was asked for")
    received_at: AwareDatetime | None = None
    interpreted_at: AwareDatetime | None = None


class MessageDetail(MessageOut):
    """One message, and by what others of the same patient are found."""

    patient_hashes: list[str] = Field(
        description="Keyed hashes of the patient's numbers: pass one as `patient_hash`"
    )


class Messages(BaseModel):
    """A page of messages, newest first."""

    items: list[MessageOut]
    next: UUID | None = Field(description="Pass as `cursor` for the next page")


class Filters(BaseModel):
    """By what messages are searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Direction | None = None
    link_id: Text | None = None
    clinic_id: Text | None = None
    sender: Text | None = None
    control_id: Text | None = None
    message_type: Text | None = None
    state: StateName | None = None
    referral_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None

    def wanted(self, **hashes: Any) -> Wanted:
        """Return the same for the store."""
        return Wanted(**{name: getattr(self, name) for name in Filters.model_fields} | hashes)


class PatientSearch(Filters):
    """A number of a patient, and what else the messages have in common."""

    patient_identifier: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="As in PID-3.1; case and outer blanks do not count"
    )
    cursor: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class CellOut(Answer):
    """One value."""

    place: str = Field(examples=["PID-3[2].4.1"])
    name: str = Field(description="What HL7 calls it; empty for a local field")
    value: str
    meaning: str | None = Field(description="What a code of a table means")
    is_masked: bool


class LineOut(Answer):
    """One segment; empty fields are left out."""

    segment: str
    title: str
    cells: list[CellOut]


class SheetOut(Answer):
    """A message as a table."""

    revealed: bool = Field(description="Whether patient data are shown")
    segments: list[LineOut]
