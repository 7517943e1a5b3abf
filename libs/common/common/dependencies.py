"""What endpoints are given. The transaction has function scope: it commits before the answer leaves.

(FastAPI's default scope ends after the response was sent, so a failing commit would still say 200.)
None of them waits, yet each is async: FastAPI hands a plain function to a thread, which costs more than
most requests do.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from common.database import Transaction
from common.service import Runtime


async def runtime(request: Request) -> Runtime:
    """Return the runtime that the app was built with."""
    found: Runtime = request.app.state.runtime
    return found


RuntimeDep = Annotated[Runtime, Depends(runtime)]


async def transaction(request: Request, given: RuntimeDep) -> AsyncGenerator[Transaction]:
    """Open the request's one transaction, or join the one that keeps a repeatable answer."""
    joined: Transaction | None = getattr(request.state, "tx", None)
    if joined is not None:
        yield joined
        return
    async with given.db.begin() as tx:
        yield tx


async def read_transaction(request: Request, given: RuntimeDep) -> AsyncGenerator[Transaction]:
    """Open a connection for reading, or join the transaction that keeps a repeatable answer."""
    joined: Transaction | None = getattr(request.state, "tx", None)
    if joined is not None:
        yield joined
        return
    async with given.db.read() as tx:
        yield tx


async def current_time(given: RuntimeDep) -> datetime:
    """Read the clock, once per request."""
    return given.clock()


Tx = Annotated[Transaction, Depends(transaction, scope="function")]
Read = Annotated[Transaction, Depends(read_transaction, scope="function")]
Now = Annotated[datetime, Depends(current_time)]
