"""What waits, counted for Prometheus: reviews. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from common import metrics
from common.database import Transaction
from common.gauges import Reading
from intake.store.tables import reviews


async def ask(tx: Transaction, now: datetime) -> Sequence[Reading]:  # noqa: ARG001 - one shape for all
    """Count the reviews that nobody has resolved."""
    query = select(func.count()).select_from(reviews).where(reviews.c.resolved_at.is_(None))
    return [(metrics.reviews_open, (), await tx.scalar(query) or 0)]
