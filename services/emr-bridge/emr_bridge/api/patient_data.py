"""Who may see patients' data: whoever says who they are and why, and has the token where one is set."""

import hmac
from typing import Annotated

from fastapi import Depends, Header, Request

from common.audit import Looker
from common.errors import FieldError, Forbidden, Invalid
from emr_bridge.api.actor import Actor

Reason = Annotated[
    str | None,
    Header(
        alias="X-Reason",
        min_length=3,
        max_length=500,
        description="Why patient data are looked at; kept, sealed, in the audit.",
        examples=["checking what the clinic sent for R4K7QM"],
    ),
]
Token = Annotated[
    str | None,
    Header(
        alias="X-Patient-Data-Token",
        description="The second token, where EMR_BRIDGE_PATIENT_DATA_TOKEN is set.",
    ),
]


async def looker(request: Request, actor: Actor, reason: Reason = None) -> Looker:
    """Return who looks."""
    return Looker(actor, reason, request.client.host if request.client else None)


async def trusted_looker(
    request: Request, who: Annotated[Looker, Depends(looker)], token: Token = None
) -> Looker:
    """Return who may see patients' data; Forbidden without the token, Invalid without a reason."""
    expected: str | None = request.app.state.patient_data_token
    if expected is not None and not hmac.compare_digest((token or "").encode(), expected.encode()):
        raise Forbidden("patient data need X-Patient-Data-Token")
    if who.reason is None:
        missing = FieldError("/header/X-Reason", "is required to see patient data")
        raise Invalid("say why patient data are looked at", errors=[missing])
    return who


Anyone = Annotated[Looker, Depends(looker)]
Trusted = Annotated[Looker, Depends(trusted_looker)]
