"""Which files a system on these settings keeps, and where. Opens none, and makes none."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from common.settings import SharedSettings
from embedded.system import ALONE


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is there once the system has run: what it is, and where."""

    what: str
    file: Path


def kept(shared: SharedSettings) -> Iterator[Kept]:
    """Yield every file that these settings name; what a server keeps, or the environment, is none."""
    log, key = log_file(shared), key_file(shared)
    if log is not None:
        yield Kept("event log", log)
    yield from databases(shared)
    if key is not None:
        yield Kept("sealing key", key)


def databases(shared: SharedSettings, services: Container[str] = ALONE) -> Iterator[Kept]:
    """Yield the database of each of these services that keeps it in a file."""
    for name in filter(services.__contains__, ALONE):
        url = ALONE[name].settings().database_url
        if url is None:
            yield Kept(f"database of {name}", shared.data_dir / f"{name}.db")
        elif (made := make_url(url)).get_backend_name() == "sqlite":
            yield Kept(f"database of {name}", Path(made.database or ""))


def log_file(shared: SharedSettings) -> Path | None:
    """Return the file of the event log; None for a cluster."""
    url = shared.event_log_url
    if url is None:
        return shared.data_dir / "events.db"
    scheme, _, path = url.partition(":///")
    return Path(path) if scheme.startswith("sqlite") else None


def key_file(shared: SharedSettings) -> Path | None:
    """Return the file of the sealing key that embedded mode makes; None where one must be given."""
    is_shared_log = (shared.event_log_url or "").startswith("kafka:")
    given = shared.sealing_keys is not None or is_shared_log
    return None if given else shared.data_dir / "sealing.key"
