"""How callers narrow a list, and which page of it they mean."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from common.events.notification import ChannelName
from notifications.domain.delivery import DeliveryState

ClinicId = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
"""A clinic's id; PostgreSQL keeps no NUL in a text."""

CURSOR = r"^[A-Za-z0-9_-]{22}$"
Cursor = Annotated[str | None, Query(pattern=CURSOR, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows per page")]


class DeliveryQuery(BaseModel):
    """Which deliveries are listed."""

    referral_id: UUID | None = None
    notice_id: UUID | None = None
    clinic_id: ClinicId | None = None
    state: DeliveryState | None = None
    channel: ChannelName | None = None
    cursor: str | None = Field(
        default=None, pattern=CURSOR, description="`next` of the page before"
    )
    limit: int = Field(default=50, ge=1, le=200, description="Rows per page")
