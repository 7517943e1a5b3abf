"""Options that many commands have."""

from typing import Annotated
from uuid import UUID

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]
Actor = Annotated[
    str | None, typer.Option("--by", help="Who asks, for the audit trail; default: your login.")
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Do it; without this only say what would be done.")
]
Clinic = Annotated[str | None, typer.Option("--clinic", help="Only this clinic's.")]
Referral = Annotated[str | None, typer.Option("--referral", help="Only this referral's.")]
Named = Annotated[str | None, typer.Option("--service", help="Only this service.")]


NO_MESSAGE_ID = (
    "this takes a message's own id (a UUID, the column `id`). "
    "To find it by its control id (MSH-10): referral-loop messages list --control-id CONTROL_ID"
)


def _message_id(text: str) -> UUID:
    """Read a message's id; whoever gives its control id, which people know, is told how to find it."""
    try:
        return UUID(text)
    except ValueError as error:
        raise typer.BadParameter(NO_MESSAGE_ID) from error


MessageId = Annotated[
    UUID, typer.Argument(parser=_message_id, metavar="MESSAGE", help="The message's id.")
]


def _url(variable: str, service: str) -> typer.models.OptionInfo:
    told = f"Where the API of {service} answers; else ${variable}; else embedded mode's."
    option: typer.models.OptionInfo = typer.Option("--url", help=told)
    return option


IntakeUrl = Annotated[str | None, _url("REFERRAL_LOOP_INTAKE_URL", "intake")]
BridgeUrl = Annotated[str | None, _url("REFERRAL_LOOP_EMR_BRIDGE_URL", "emr-bridge")]
NotificationsUrl = Annotated[str | None, _url("REFERRAL_LOOP_NOTIFICATIONS_URL", "notifications")]
