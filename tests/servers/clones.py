"""Databases that are copies of one with all tables: quicker than to make the tables for every test."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from sqlalchemy import MetaData, make_url
from tests.servers.postgresql import PostgresServer

from common.database import Database


@dataclass
class Clones:
    """The copies of each metadata on one server."""

    server: PostgresServer
    templates: dict[int, str] = field(default_factory=dict)

    async def clone(self, metadata: MetaData) -> str:
        """Return the URL of a fresh database with the tables."""
        template = self.templates.get(id(metadata)) or await self._template(metadata)
        return self.server.url_of(await self._copy_of(template))

    async def empty(self) -> str:
        """Return the URL of a fresh database without tables."""
        return self.server.url_of(await self._copy_of("template0"))

    async def drop(self, url: str) -> None:
        """Give the room back, whoever is still connected."""
        await self._do(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    async def _template(self, metadata: MetaData) -> str:
        self.templates[id(metadata)] = name = await self._copy_of("template0")
        db = Database(self.server.url_of(name))
        await db.create_all(metadata)
        await db.close()
        return name

    async def _copy_of(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex}"
        await self._do(f"CREATE DATABASE {name} STRATEGY file_copy TEMPLATE {template}")
        return name

    async def _do(self, statement: str) -> None:
        connection: Any = await asyncpg.connect(self.server.url.replace("+asyncpg", ""))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
