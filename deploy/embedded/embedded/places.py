"""Which files a system on these settings keeps, and where. Opens none, and makes none."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from common.settings import SharedSettings
from embedded.parts import SERVICES


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is there once the system has run: what it is, and where."""

    what: str
    file: Path


def kept(shared: SharedSettings) -> Iterator[Kept]:
    """Yield every file that these settings name; what a server keeps, or the environment, is none."""
    if shared.log_file is not None:
        yield Kept("event log", shared.log_file)
    yield from databases(shared)
    if shared.key_file is not None:
        yield Kept("sealing key", shared.key_file)


def databases(shared: SharedSettings, services: Container[str] = SERVICES) -> Iterator[Kept]:
    """Yield the database of each of these services that keeps it in a file."""
    for name in filter(services.__contains__, SERVICES):
        url = SERVICES[name]().database_url
        if url is None:
            yield Kept(f"database of {name}", shared.database_file(name))
        elif (made := make_url(url)).get_backend_name() == "sqlite":
            yield Kept(f"database of {name}", Path(made.database or ""))
