"""How every connection to PostgreSQL notices that the other side is gone, and is itself noticed; how its driver is asked.

A machine that vanishes says nothing. Without these a statement would wait for its answer for ever, and
what a vanished replica has locked (a clinic, with all that is sent for it) would stay so for two hours.
"""

import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import ConnectionPoolEntry

IDLE_SECONDS = 10
EVERY_SECONDS = 5
TIMES = 3
GONE_SECONDS = IDLE_SECONDS + EVERY_SECONDS * TIMES
"""After so long without a sign of life the kernel, on either side, closes the connection."""

IDLE_IN_TRANSACTION = "120s"
"""How long a process that is stopped, but not gone, may keep others from the rows that it holds."""

SERVER_SETTINGS: Mapping[str, str] = {
    "tcp_keepalives_idle": str(IDLE_SECONDS),
    "tcp_keepalives_interval": str(EVERY_SECONDS),
    "tcp_keepalives_count": str(TIMES),
    "tcp_user_timeout": str(GONE_SECONDS * 1000),
    "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
}

OPTIONS = {
    "TCP_KEEPIDLE": IDLE_SECONDS,
    "TCP_KEEPINTVL": EVERY_SECONDS,
    "TCP_KEEPCNT": TIMES,
    "TCP_USER_TIMEOUT": GONE_SECONDS * 1000,
}
"""The same on our side; not every system knows each."""


class WatchedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose socket the kernel watches: asyncpg sets nothing of this itself."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
        """Watch the socket of a connection that asyncpg has opened."""
        super().__init__(protocol, transport, *more)
        watch(transport.get_extra_info("socket"))


def refuse_closed(_: object, record: ConnectionPoolEntry, __: object) -> None:
    """Have the pool connect anew where the other side closed what waited in it (a restart).

    The driver has heard of it by then. To ask the server (`pool_pre_ping`) cost three round trips
    at the beginning of every transaction: as much as a small one has in all.
    """
    driver: Any = record.driver_connection
    if driver.is_closed():
        raise InvalidatePoolError


def watch(opened: Any) -> None:
    """Have the kernel ask whether the other side of a TCP socket is there; others need no asking."""
    if opened is None or opened.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    # A second descriptor of the same socket: what a loop shows of its own may not take options.
    with closing(socket.fromfd(opened.fileno(), opened.family, opened.type)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS.items():
            if hasattr(socket, name):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def connect_args(**settings: str) -> dict[str, Any]:
    """Return what asyncpg is told beside the URL; `settings` are further settings of the server's."""
    return {
        "connection_class": WatchedConnection,
        "server_settings": {**SERVER_SETTINGS, **settings},
    }


async def ask(tx: AsyncConnection, statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Carry out a statement in a transaction, and return its rows as the driver has them.

    Asked through SQLAlchemy a small statement takes three times as long. Only the first goes there:
    it is what begins the transaction. An error is told as SQLAlchemy would.
    """
    driver = _driver_of(tx)
    if not driver.is_in_transaction():
        result = await tx.exec_driver_sql(statement, tuple(arguments))
        return result.all() if result.returns_rows else ()
    try:
        rows: Sequence[Any] = await driver.fetch(statement, *arguments)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        is_lost = driver.is_closed()
        if is_lost:
            await tx.invalidate()
        raise _kind_of(error)(None, None, error, connection_invalidated=is_lost) from error
    return rows


def _driver_of(tx: AsyncConnection) -> Any:
    assert tx.sync_connection is not None  # noqa: S101 - it is open
    return tx.sync_connection.connection.driver_connection


def _kind_of(error: Exception) -> type[DBAPIError]:
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return IntegrityError
    return InterfaceError if isinstance(error, asyncpg.InterfaceError) else DBAPIError
