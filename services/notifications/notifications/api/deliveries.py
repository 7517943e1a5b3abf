"""Deliveries: what was tried to tell clinics, and sending once more."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import RowMapping

from common.database import Transaction
from common.dependencies import Now, Read, Tx
from common.idempotency import IdempotentRoute
from common.sealing import Sealer
from notifications.api.given import Actor, GivenDep
from notifications.api.queries import DeliveryQuery
from notifications.api.refusals import CHANGING, refusals
from notifications.api.schemas import Attempt, Deliveries, Delivery, DeliveryWithAttempts, Resend
from notifications.handlers import resend as handler
from notifications.store import attempts, deliveries, listing, tables
from notifications.store.deliveries import Request

router = APIRouter(
    prefix="/v1/deliveries",
    tags=["deliveries"],
    route_class=IdempotentRoute,
    responses=refusals(404),
)


@router.get("", summary="List deliveries, newest first")
async def list_deliveries(tx: Read, query: Annotated[DeliveryQuery, Query()]) -> Deliveries:
    """Filter by referral, notice, clinic, state and channel; `next` leads to the page after."""
    where = query.model_dump(exclude={"cursor", "limit"})
    found = await listing.page(tx, tables.deliveries, where, cursor=query.cursor, limit=query.limit)
    return Deliveries(items=[Delivery.model_validate(row) for row in found.rows], next=found.next)


@router.get("/{delivery_id}", summary="Read a delivery and its attempts")
async def read_delivery(delivery_id: UUID, tx: Read, given: GivenDep) -> DeliveryWithAttempts:
    """Tell each attempt: when it began, how it ended, with which code."""
    row = await deliveries.get(tx, delivery_id)
    return await _detailed(tx, row, sealer=given.means.sealer)


@router.post(
    "/{delivery_id}/resend",
    status_code=201,
    summary="Send the notice once more",
    responses=refusals(*CHANGING),
)
async def resend(
    delivery_id: UUID, body: Resend, actor: Actor, tx: Tx, given: GivenDep, now: Now
) -> DeliveryWithAttempts:
    """Begin a new series of the same notice by the same channel.

    409 while a delivery of the notice is under way, when a newer notice has replaced it, when the
    channel cannot be used, or when the clinic has it already and `confirm_again` is not set.
    """
    row = await handler.resend(
        tx,
        delivery_id,
        request=Request(by=actor, reason=body.reason),
        confirm_again=body.confirm_again,
        means=given.means,
        now=now,
    )
    return await _detailed(tx, row, sealer=given.means.sealer)


async def _detailed(tx: Transaction, row: RowMapping, *, sealer: Sealer) -> DeliveryWithAttempts:
    tried = await attempts.of_delivery(tx, row["id"])
    return DeliveryWithAttempts.model_validate(
        dict(row)
        | {
            "request_reason": deliveries.reason_of(row, sealer=sealer),
            "tries": [Attempt.model_validate(one) for one in tried],
        }
    )
