"""One Apache Kafka node on this machine, for development and tests: KRaft, loopback, Java 17, no container.

    python deploy/kafka/local/run.py                    until Ctrl-C, in a temporary folder
    python deploy/kafka/local/run.py --folder var/kafka --port 9092      the same data next time
    python deploy/kafka/local/run.py --properties more.properties --scram 'SCRAM-SHA-512=[name=u,password=p]'
                                                        with TLS, SASL or whatever the file says; of a
                                                        name that is set twice the last counts, and {port},
                                                        {controller} and {folder} are filled in
    python deploy/kafka/local/run.py --fetch            only fill the cache of jars

Maven brings the jars that pom.xml lists, once, into the cache folder. The first line of output is
JSON: {"bootstrap": "127.0.0.1:9092", "pid": 4711}. Standard library only.
"""

import argparse
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
START_SECONDS = 60.0
STOP_SECONDS = 15.0

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
"""
"""The last two: after kill -9 a node waits for its own old session, 13 s with Kafka's defaults."""

LOG4J = """\
Configuration:
  Appenders:
    Console: {name: out, target: SYSTEM_OUT, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: out}}
"""

JAVA = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


def version() -> str:
    """Return the version of Kafka that pom.xml names."""
    found = ElementTree.parse(POM).find(".//{*}kafka.version")
    return str(found.text) if found is not None else "unknown"


def cache() -> Path:
    """Return the folder of jars; it need not exist."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "referral-loop" / f"kafka-{version()}"


def fetch() -> Path:
    """Return the folder of jars, filled by Maven the first time; no half of it is ever seen."""
    jars = cache()
    if jars.is_dir():
        return jars
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as part:
        target = Path(part) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        subprocess.run(["mvn", "-q", "-B", "-f", str(POM), *goal], check=True, stdout=sys.stderr)
        with contextlib.suppress(OSError):  # another process was first: its folder is as good
            target.rename(jars)
    return jars


def prepare(folder: Path, port: int, jars: Path, more: str, scram: Sequence[str]) -> Path:
    """Write the node's settings and format its folder if it is new; return the settings' file.

    `more` are settings behind ours; `scram` are users, in the words of Kafka's own tool.
    """
    properties, log4j = folder / "server.properties", folder / "log4j2.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    values = {"port": port, "controller": free_port(), "folder": folder}
    properties.write_text((PROPERTIES + more).format(**values))
    log4j.write_text(LOG4J)
    if not (folder / "data" / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*java(folder, jars), "kafka.tools.StorageTool", "format"]
        tool += ["-t", f"A{cluster[1:]}", "-c", str(properties)]
        tool += [word for user in scram for word in ("--add-scram", user)]
        subprocess.run(tool, check=True, stdout=subprocess.DEVNULL)
    return properties


def java(folder: Path, jars: Path) -> list[str]:
    """Return the command line up to the class."""
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.yaml'}"
    return ["java", *JAVA, logging, "-cp", f"{jars}/*"]


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Return when the node listens; exit when it died or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit("Kafka did not start; what it said is in the file kafka.log of its folder")


@contextlib.contextmanager
def chosen(folder: Path | None) -> Iterator[Path]:
    """Give the folder that was named, or one that is gone afterwards."""
    if folder is not None:
        yield folder.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="referral-loop-kafka-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def serve(folder: Path, port: int, given: argparse.Namespace) -> int:
    """Run the node until it ends or a signal comes; return its exit code."""
    jars = fetch()
    more = given.properties.read_text() if given.properties else ""
    properties = prepare(folder, port, jars, more, given.scram)
    with (folder / "kafka.log").open("ab") as output:
        command = [*java(folder, jars), "kafka.Kafka", str(properties)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        await_port(process, port)
        print(json.dumps({"bootstrap": f"127.0.0.1:{port}", "pid": process.pid}), flush=True)
        if given.attached:
            threading.Thread(target=end_with_input, args=[process], daemon=True).start()
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        stop(process)


def end_with_input(process: "subprocess.Popen[bytes]") -> None:
    """Stop the node when whoever started this closes the pipe, or is gone."""
    sys.stdin.read()
    process.terminate()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Let the node close its files; kill it when it will not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--folder", type=Path, help="where its data stays (default: a temporary one)"
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--properties", type=Path, help="a file of more settings of the node")
    parser.add_argument(
        "--scram", action="append", default=[], help="a user that the new node shall know"
    )
    parser.add_argument("--fetch", action="store_true", help="only fill the cache of jars")
    parser.add_argument("--attached", action="store_true", help="stop when standard input closes")
    given = parser.parse_args()
    if given.fetch:
        print(fetch())
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with chosen(given.folder) as folder:
        sys.exit(serve(folder, given.port or free_port(), given))


if __name__ == "__main__":
    main()
