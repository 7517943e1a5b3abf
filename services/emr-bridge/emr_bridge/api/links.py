"""Links: is each up, what waits on it, and sending again at once."""

from typing import Any

from fastapi import APIRouter

from common.dependencies import Now, Read, RuntimeDep, Tx
from common.errors import NotFound
from common.http import PROBLEMS
from emr_bridge.api.actor import Actor
from emr_bridge.api.outbound_schemas import Why
from emr_bridge.api.schemas import LinkOut, Links
from emr_bridge.domain.link import link_id
from emr_bridge.handlers import parked
from emr_bridge.handlers.parked import By
from emr_bridge.store import overview

router = APIRouter(prefix="/v1/links", tags=["links"])
REFUSALS: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (404, 422)}


@router.get("", summary="List the links with their state and what waits on them")
async def list_links(tx: Read) -> Links:
    """Tell of every link, also of those that a clinic took away."""
    rows = await overview.links_with_depth(tx)
    return Links(items=[LinkOut.model_validate(row) for row in rows])


@router.get("/{clinic_id}/{name}", summary="Read one link", responses=REFUSALS)
async def read_link(clinic_id: str, name: str, tx: Read) -> LinkOut:
    """Tell how one link is."""
    return await _told(tx, link_id(clinic_id, name))


@router.post("/{clinic_id}/{name}/resume", summary="Send again at once", responses=REFUSALS)
async def resume(
    clinic_id: str, name: str, body: Why, tx: Tx, runtime: RuntimeDep, actor: Actor, now: Now
) -> LinkOut:
    """Close the circuit and end the rest: what was wrong on the other side has been put right."""
    named = link_id(clinic_id, name)
    await parked.resume(tx, named, By(actor, body.reason), sealer=runtime.sealer, now=now)
    return await _told(tx, named)


async def _told(tx: Read | Tx, named: str) -> LinkOut:
    rows = await overview.links_with_depth(tx, only=named)
    if not rows:
        raise NotFound("no link has this id")
    return LinkOut.model_validate(rows[0])
