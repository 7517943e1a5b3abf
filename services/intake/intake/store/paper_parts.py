"""Documents on their way in, piece by piece; sealed, and gone once they are whole."""

from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import delete, select

from common.database import Transaction, insert_new
from common.events.emr import DocumentPart
from common.events.submission import PaperPart
from common.sealing import Sealer
from intake.store import sealed
from intake.store.tables import paper_parts as table

PART: TypeAdapter[PaperPart] = TypeAdapter(PaperPart)


async def add(tx: Transaction, sealer: Sealer, event: DocumentPart, part: PaperPart) -> None:
    """Keep a piece; the same piece again is passed over."""
    row = {
        "message_id": event.message_id,
        "number": event.number,
        "part": event.part,
        "content": sealed.close(sealer, PART, part, _context(event.message_id, event.number)),
        "received_at": event.occurred_at,
    }
    await tx.execute(insert_new(tx, table).values(row))


async def of(tx: Transaction, sealer: Sealer, message_id: UUID, number: int) -> list[PaperPart]:
    """Return the pieces of a message's document, in their order."""
    mine = (table.c.message_id == message_id) & (table.c.number == number)
    contents = await tx.scalars(select(table.c.content).where(mine).order_by(table.c.part))
    context = _context(message_id, number)
    return [sealed.open_(sealer, PART, content, context) for content in contents]


async def drop(tx: Transaction, message_id: UUID) -> None:
    """Forget the pieces of a message."""
    await tx.execute(delete(table).where(table.c.message_id == message_id))


def _context(message_id: UUID, number: int) -> str:
    return f"paper:{message_id}:{number}"
