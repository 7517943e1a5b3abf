"""Apache Kafka's own command line tools, from the jars that deploy/kafka/local brought."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.servers.kafka import RUN, KafkaServer
from tests.servers.provider import could_not_run

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "referral-loop")
SECONDS = 90

Place = tuple[str, int]
"""A topic and a partition."""


def run(kafka: KafkaServer, tool: str, *words: str) -> list[str]:
    """Run a tool against a cluster; return its lines."""
    jars = sorted(CACHE.glob("kafka-*/"))
    if not jars or kafka.name != "Apache Kafka":
        could_not_run(
            f"Kafka's own tools come with {RUN.parent.name}, which did not start {kafka.name}"
        )
    command = ["java", "-cp", f"{jars[-1]}/*", tool, "--bootstrap-server", kafka.bootstrap, *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def lag(kafka: KafkaServer, group: str) -> dict[Place, int]:
    """Return what ConsumerGroupCommand says that a group is behind; it names no partition without an offset."""
    tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    lines = [line.split() for line in run(kafka, tool, "--describe", "--group", group)]
    (head, *rows) = [line for line in lines if len(line) > 5]
    topic, partition, behind = (head.index(name) for name in ("TOPIC", "PARTITION", "LAG"))
    known = [row for row in rows if row[behind] != "-"]
    return {(row[topic], int(row[partition])): int(row[behind]) for row in known}


def ends(kafka: KafkaServer, prefix: str) -> dict[Place, int]:
    """Return what GetOffsetShell says of every partition of ours: how many records were ever written."""
    lines = run(kafka, "org.apache.kafka.tools.GetOffsetShell", "--topic", f"{prefix}.*")
    told = (line.rsplit(":", 2) for line in lines)
    return {(topic, int(partition)): int(offset) for topic, partition, offset in told}


def settings(kafka: KafkaServer, topic: str) -> dict[str, str]:
    """Return what ConfigCommand says was set for a topic."""
    words = ("--describe", "--entity-type", "topics", "--entity-name", topic)
    return dict(_pairs(run(kafka, "kafka.admin.ConfigCommand", *words)))


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, equals, rest = line.strip().partition("=")
        if equals and " " not in name:
            yield name, rest.split(" ")[0]
