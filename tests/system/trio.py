"""The three services as processes of their own, on PostgreSQL and Kafka, seen from outside as one system."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import httpx2
from tests.servers.kafka import KafkaServer
from tests.servers.postgresql import PostgresServer
from tests.servers.provider import end_with_parent
from tests.system.books import SERVICES, Elsewhere, ServerBooks
from tests.system.whole import free_port, until

from common.eventlog import topics
from common.eventlog.kafka_settings import read_settings
from common.failpoints import IN_TESTS, VARIABLE

DECLARED = Path(__file__).parents[2] / "deploy" / "kafka" / "topics.yaml"
READY_SECONDS = 40.0
PARTITIONS = 4
KEYS = "trio:" + "dHJpby1rZXktdHJpby1rZXktdHJpby1rZXktMTIzNCE="


def module_of(service: str) -> str:
    return service.replace("-", "_")


class Ground:
    """Migrated databases to clone, one per service with a role of its own, as init.sql makes them."""

    def __init__(self, postgresql: PostgresServer, kafka: KafkaServer, folder: Path) -> None:
        self.postgresql, self.kafka, self.folder = postgresql, kafka, folder
        self.elsewhere = Elsewhere()
        self.name = f"trio_{uuid.uuid4().hex[:8]}"
        self.elsewhere.run(self._make())
        migrating = [self._migrate(service) for service in SERVICES]
        assert [process.wait(60) for process in migrating] == [0, 0, 0]

    def database(self, service: str, name: str) -> str:
        return f"{self.name}_{module_of(service)}{name}"

    def url(self, service: str, database: str) -> str:
        """Return the URL by which a service, as its own role, reaches a database."""
        scheme, _, rest = self.postgresql.url_of(database).partition("://")
        return f"{scheme}://{self.database(service, '')}:secret@{rest.rpartition('@')[2]}"

    async def clone(self) -> dict[str, str]:
        """Make a fresh set of databases; return each service's URL."""
        fresh = f"_{uuid.uuid4().hex[:8]}"
        connection = await self._connect()
        try:
            for service in SERVICES:
                made, role = self.database(service, fresh), self.database(service, "")
                await connection.execute(
                    f"CREATE DATABASE {made} OWNER {role} STRATEGY file_copy TEMPLATE {role}"
                )
                await connection.execute(f"REVOKE ALL ON DATABASE {made} FROM PUBLIC")
        finally:
            await connection.close()
        return {service: self.url(service, self.database(service, fresh)) for service in SERVICES}

    async def declare(self, prefix: str) -> None:
        """Create every topic that deploy/kafka declares, smaller, under a prefix."""
        declared = topics.read_topics(DECLARED, replication=1)
        small = [replace(t, partitions=min(t.partitions, PARTITIONS)) for t in declared]
        await topics.apply(read_settings(self.kafka.url(prefix=prefix)), small)

    def close(self) -> None:
        self.elsewhere.close()

    async def _connect(self) -> Any:
        return await asyncpg.connect(self.postgresql.url.replace("+asyncpg", ""))

    async def _make(self) -> None:
        connection = await self._connect()
        try:
            for service in SERVICES:
                role = self.database(service, "")
                await connection.execute(
                    f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB PASSWORD 'secret'"
                )
                await connection.execute(
                    f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '60s'"
                )
                await connection.execute(f"CREATE DATABASE {role} OWNER {role} TEMPLATE template0")
                await connection.execute(f"REVOKE ALL ON DATABASE {role} FROM PUBLIC")
        finally:
            await connection.close()

    def _migrate(self, service: str) -> "subprocess.Popen[bytes]":
        module, url = module_of(service), self.url(service, self.database(service, ""))
        own = {f"{module.upper()}_DATABASE_URL": url, "SEALING_KEYS": KEYS}
        own |= {"EVENT_LOG_URL": self.kafka.url(), "DATA_DIR": str(self.folder)}
        command = [sys.executable, "-m", module, "migrate"]
        return subprocess.Popen(command, env=os.environ | own, cwd=self.folder)


@dataclass
class Replica:
    """One process of one service."""

    service: str
    number: int
    folder: Path
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    mllp_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    serves: bool = False
    """Whether it said that it is ready, and was not told to stop since: whom a load balancer asks."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Everything that its processes ever printed."""
        return self.folder / f"{self.service}-{self.number}.log"

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self, *, failpoint: str = "") -> None:
        """Start it, and do not wait; `failpoint` is where it shall die."""
        prefix = module_of(self.service).upper()
        own = {f"{prefix}_PORT": str(self.port), "EMR_BRIDGE_MLLP_PORT": str(self.mllp_port)}
        told = {VARIABLE: failpoint, IN_TESTS: "1"}
        with self.log.open("ab") as printed:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module_of(self.service)),
                env=os.environ | dict(self.environment) | own | told,
                stdout=printed,
                stderr=printed,
                cwd=self.folder,
                preexec_fn=end_with_parent,
            )

    async def until_ready(self) -> None:
        """Wait until it says that it is ready."""
        async with asyncio.timeout(READY_SECONDS), httpx2.AsyncClient() as client:
            while True:
                if not self.is_up:
                    raise AssertionError(f"it ended: {self.log.read_text()[-2000:]}")
                with contextlib.suppress(httpx2.TransportError):
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        self.serves = True
                        return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """Pull the plug of this process."""
        self.kill_now()
        assert self.process is not None
        await self.process.wait()

    def kill_now(self) -> None:
        """Pull the plug, without waiting: for a stand-in in the middle of an answer."""
        assert self.process is not None
        self.serves = False
        if self.is_up:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self.process is not None
        self.serves = False
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            return await self.process.wait()

    async def died(self, *, seconds: float) -> bool:
        """Wait for a failpoint; return whether it was reached."""
        assert self.process is not None
        try:
            async with asyncio.timeout(seconds):
                return await self.process.wait() == -signal.SIGKILL
        except TimeoutError:
            return False


@dataclass
class Trio:
    """The three services, each in `count` replicas; satisfies the world's System."""

    ground: Ground
    folder: Path
    environment: Mapping[str, str]
    count: int = 1
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}.")
    databases: dict[str, str] = field(default_factory=dict)
    replicas: dict[str, list[Replica]] = field(default_factory=dict)
    _turns: Iterator[int] = field(default_factory=itertools.count)
    _books: ServerBooks | None = None

    @property
    def books(self) -> ServerBooks:
        """What its databases and topics say."""
        if self._books is None:
            urls = {
                s: self.ground.postgresql.url_of(url.rpartition("/")[2])
                for s, url in self.databases.items()
            }
            bootstrap = self.ground.kafka.bootstrap
            self._books = ServerBooks(urls, bootstrap, self.prefix, self.ground.elsewhere)
        return self._books

    @property
    def everyone(self) -> list[Replica]:
        return [replica for replicas in self.replicas.values() for replica in replicas]

    @property
    def mllp_port(self) -> int:
        """Where one of the bridges listens, one after the other."""
        return self._one_of("emr-bridge").mllp_port

    async def prepare(self) -> None:
        """Make databases and topics, and start nobody."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.databases = await self.ground.clone()
        await self.ground.declare(self.prefix)
        for service in SERVICES:
            environment = self.environment_of(service)
            self.replicas[service] = [
                Replica(service, number, self.folder, environment) for number in range(self.count)
            ]

    def environment_of(self, service: str) -> dict[str, str]:
        log_url = self.ground.kafka.url(prefix=self.prefix, timeout_seconds="5")
        own = {
            f"{module_of(service).upper()}_DATABASE_URL": self.databases[service],
            "EVENT_LOG_URL": log_url,
            "SEALING_KEYS": KEYS,
            "DATA_DIR": str(self.folder),
            "LOG_FORMAT": "json",
        }
        return own | dict(self.environment)

    async def start(self) -> None:
        """Start everyone, on databases and topics of their own, and wait until all are ready."""
        await self.prepare()
        await self.start_all()

    async def start_all(self) -> None:
        """Start everyone, and wait until all are ready."""
        for replica in self.everyone:
            await replica.start()
        await asyncio.gather(*(replica.until_ready() for replica in self.everyone))

    async def move_to(self, prefix: str) -> None:
        """Read and write other topics from now on: those of another cluster, as it were."""
        self.prefix, self._books = prefix, None
        await self.ground.declare(prefix)
        for replica in self.everyone:
            replica.environment = self.environment_of(replica.service)

    async def restart(self, replica: Replica) -> None:
        await replica.start()
        await replica.until_ready()

    async def stop(self) -> list[int]:
        """Ask everyone to stop; return the exit codes."""
        up = [replica for replica in self.everyone if replica.is_up]
        return await asyncio.gather(*(replica.stop() for replica in up))

    async def end(self) -> None:
        """Make sure that nobody is left running."""
        for replica in self.everyone:
            if replica.is_up:
                await replica.kill()

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send one request to a replica that is up; the path begins with the service's name."""
        _, service, rest = path.split("/", 2)
        url = self._one_of(service).url
        async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
            return await client.request(method, f"/{rest}", **options)

    def printed(self) -> str:
        """Return everything that anyone printed."""
        return "".join(r.log.read_text() for r in self.everyone if r.log.exists())

    def _one_of(self, service: str) -> Replica:
        replicas: Sequence[Replica] = self.replicas[service]
        up = (
            [r for r in replicas if r.serves and r.is_up]
            or [r for r in replicas if r.is_up]
            or replicas
        )
        return up[next(self._turns) % len(up)]


__all__ = ["Ground", "Replica", "Trio", "until"]
