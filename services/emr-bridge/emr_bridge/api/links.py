"""Links: is each up, and what waits on it."""

from fastapi import APIRouter

from common.dependencies import Read
from emr_bridge.api.schemas import LinkOut, Links
from emr_bridge.store import overview

router = APIRouter(prefix="/v1/links", tags=["links"])


@router.get("", summary="List the links with their state and what waits on them")
async def list_links(tx: Read) -> Links:
    """Tell of every link, also of those that a clinic took away."""
    rows = await overview.links_with_depth(tx)
    return Links(items=[LinkOut.model_validate(row) for row in rows])
