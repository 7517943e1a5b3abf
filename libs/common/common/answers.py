"""Answers to requests that may be repeated: kept, sealed, in the transaction of their effect.

Knows what was asked under which key, not what it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Response
from sqlalchemy import RowMapping, select

from common.database import Transaction
from common.errors import KeyReused
from common.rows import Rows, insert_all
from common.sealing import Sealer
from common.tables import idempotency_keys as keys

REPLAYED = "Idempotent-Replayed"
KEPT_HEADERS = ("content-type", "location", "etag")


Place = tuple[str, str]
"""Where an answer is kept: a scope, and the key within it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request under a key: where, which key, and what was asked."""

    scope: str
    key: str
    fingerprint: str

    @property
    def place(self) -> Place:
        """What may be taken once."""
        return self.scope, self.key

    @property
    def context(self) -> str:
        """What the sealed answer is bound to."""
        return f"idempotency:{self.scope}:{self.key}"


async def find(tx: Transaction, asked: Asked, sealer: Sealer) -> Response | None:
    """Return the answer that was given before, if one was; KeyReused where it was to another request."""
    there = (keys.c.scope == asked.scope) & (keys.c.key == asked.key)
    kept = (await tx.execute(select(keys).where(there))).mappings().one_or_none()
    return _again(kept, asked, sealer) if kept else None


async def keep(
    tx: Transaction, asked: Asked, response: Response, sealer: Sealer, *, now: datetime
) -> None:
    """Keep an answer; an IntegrityError when another transaction has kept one."""
    await insert_all(tx, rows_of([(asked, response)], sealer, now=now))


def rows_of(answered: Sequence[tuple[Asked, Response]], sealer: Sealer, *, now: datetime) -> Rows:
    """Return the rows of answers, for a caller that inserts them with its own."""
    return keys, [_row(asked, response, sealer, now) for asked, response in answered]


def _again(kept: RowMapping, asked: Asked, sealer: Sealer) -> Response:
    if kept["fingerprint"] != asked.fingerprint:
        raise KeyReused("this Idempotency-Key was used before with another body")
    headers = kept["headers"] | {REPLAYED: "true"}
    body = sealer.unseal_bytes(kept["body"], asked.context)
    return Response(content=body, status_code=kept["status"], headers=headers)


def _row(asked: Asked, response: Response, sealer: Sealer, now: datetime) -> dict[str, Any]:
    return {
        "scope": asked.scope,
        "key": asked.key,
        "fingerprint": asked.fingerprint,
        "status": response.status_code,
        "headers": {n: response.headers[n] for n in KEPT_HEADERS if n in response.headers},
        "body": sealer.seal_bytes(bytes(response.body), asked.context),
        "created_at": now,
    }
