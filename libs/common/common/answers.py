"""Answers to requests that may be repeated: kept, sealed, in the transaction of their effect.

Knows what was asked under which key, not what it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from fastapi import Response
from sqlalchemy import RowMapping, Select, select

from common.database import Transaction
from common.errors import KeyReused
from common.rows import Rows, insert_all, one_of
from common.sealing import Sealer
from common.tables import idempotency_keys as keys

REPLAYED = "Idempotent-Replayed"
KEPT_HEADERS = ("content-type", "location", "etag")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request under a key: where, which key, and what was asked."""

    scope: str
    key: str
    fingerprint: str

    @property
    def place(self) -> tuple[str, str]:
        """What may be taken once."""
        return self.scope, self.key

    @property
    def context(self) -> str:
        """What the sealed answer is bound to."""
        return f"idempotency:{self.scope}:{self.key}"


async def find_all(
    tx: Transaction, asked: Sequence[Asked], sealer: Sealer
) -> dict[Asked, Response | KeyReused]:
    """Return the answers that were given before; KeyReused stands for one to another request."""
    if not asked:
        return {}
    wanted = {"scopes": list({one.scope for one in asked}), "keys": [one.key for one in asked]}
    rows = (await tx.execute(_query(tx.dialect.name), wanted)).mappings()
    kept = {(row["scope"], row["key"]): row for row in rows}
    return {one: _again(kept[one.place], one, sealer) for one in asked if one.place in kept}


async def keep_all(
    tx: Transaction, answered: Sequence[tuple[Asked, Response]], sealer: Sealer, *, now: datetime
) -> None:
    """Keep answers, each under its key; an IntegrityError when another transaction has kept one."""
    await insert_all(tx, rows_of(answered, sealer, now=now))


def rows_of(answered: Sequence[tuple[Asked, Response]], sealer: Sealer, *, now: datetime) -> Rows:
    """Return the rows of answers, for a caller that inserts them with its own."""
    return keys, [_row(asked, response, sealer, now) for asked, response in answered]


@lru_cache(maxsize=2)
def _query(dialect: str) -> Select[*tuple[Any, ...]]:
    wanted = one_of(keys.c.scope, "scopes", dialect) & one_of(keys.c.key, "keys", dialect)
    return select(keys).where(wanted)


def _again(kept: RowMapping, asked: Asked, sealer: Sealer) -> Response | KeyReused:
    if kept["fingerprint"] != asked.fingerprint:
        return KeyReused("this Idempotency-Key was used before with another body")
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
