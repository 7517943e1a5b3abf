"""Send a clinic's unconfirmed webhooks again, because its endpoint missed them."""

from datetime import datetime

from common.database import Transaction
from notifications.domain.delivery import LIVE
from notifications.handlers.means import Means
from notifications.handlers.resend import resend
from notifications.store import clinics, deliveries, tasks
from notifications.store.deliveries import Request
from notifications.store.tasks import TaskKind


async def replay_webhooks(
    tx: Transaction,
    clinic_id: str,
    *,
    since: datetime,
    request: Request,
    means: Means,
    now: datetime,
) -> int:
    """Begin a new series for each notice since then whose webhook failed and that is still open.

    An endpoint that had said it is gone is called again: a person says that it is back. Return
    how many deliveries began.
    """
    await clinics.get(tx, clinic_id, sealer=means.sealer)
    await clinics.enable_endpoint(tx, clinic_id)
    await tasks.close_clinic(tx, TaskKind.ENDPOINT_GONE, clinic_id, now=now)
    begun = 0
    for row in await deliveries.missed(tx, clinic_id, "webhook", since=since):
        if await deliveries.of_notice(tx, row["notice_id"], LIVE):
            continue
        await resend(tx, row["id"], request=request, confirm_again=False, means=means, now=now)
        begun += 1
    return begun
