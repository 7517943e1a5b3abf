"""Documents of a referral, byte for byte; sealed at rest, as is what they are called."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select

from common.database import Transaction, insert_new
from common.errors import ConcurrentUpdate, NotFound
from common.sealing import Sealer
from intake.store import sealed
from intake.store.tables import documents as table

FACTS = [column for column in table.c if column.name != "content"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is known of a document beside its bytes."""

    id: UUID
    referral_id: UUID
    media_type: str
    size: int
    sha256: str
    actor: str
    created_at: datetime
    name: str | None = None


async def add(tx: Transaction, sealer: Sealer, document: Document, content: bytes) -> bool:
    """Keep a document; False when another upload of the same bytes was kept first."""
    row = {
        "id": document.id,
        "referral_id": document.referral_id,
        "media_type": document.media_type,
        "size": document.size,
        "sha256": document.sha256,
        "actor": document.actor,
        "created_at": document.created_at,
        "name": sealed.close_text(sealer, document.name, _context(document.id)),
        "content": sealer.seal_bytes(content, _context(document.id)),
    }
    return (await tx.execute(insert_new(tx, table).values(row))).rowcount == 1


async def of(tx: Transaction, sealer: Sealer, referral_id: UUID) -> list[Document]:
    """Return a referral's documents, the oldest first."""
    query = select(*FACTS).where(table.c.referral_id == referral_id)
    rows: Iterable[RowMapping] = (await tx.execute(query.order_by(table.c.id))).mappings()
    return [_document(sealer, row) for row in rows]


async def find_same(
    tx: Transaction, sealer: Sealer, referral_id: UUID, sha256: str
) -> Document | None:
    """Return the document of this referral with the same bytes, if there is one."""
    same = (table.c.referral_id == referral_id) & (table.c.sha256 == sha256)
    row = (await tx.execute(select(*FACTS).where(same))).mappings().one_or_none()
    return _document(sealer, row) if row else None


async def get_same(tx: Transaction, sealer: Sealer, referral_id: UUID, sha256: str) -> Document:
    """Return the document with the same bytes, which is there; ConcurrentUpdate if it went meanwhile."""
    same = await find_same(tx, sealer, referral_id, sha256)
    if same is None:
        raise ConcurrentUpdate("the same document came and went")
    return same


async def read(
    tx: Transaction, sealer: Sealer, referral_id: UUID, document_id: UUID
) -> tuple[Document, bytes]:
    """Return a document and its bytes; NotFound when the referral has no such document."""
    mine = (table.c.referral_id == referral_id) & (table.c.id == document_id)
    row = (await tx.execute(select(table).where(mine))).mappings().one_or_none()
    if row is None:
        raise NotFound("the referral has no document with this id")
    content = sealer.unseal_bytes(row["content"], _context(document_id))
    return _document(sealer, row), content


def _document(sealer: Sealer, row: RowMapping) -> Document:
    return Document(
        id=row["id"],
        referral_id=row["referral_id"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"],
        actor=row["actor"],
        created_at=row["created_at"],
        name=sealed.open_text(sealer, row["name"], _context(row["id"])),
    )


def _context(document_id: UUID) -> str:
    return f"document:{document_id}"
