"""The topics by command, on a broker."""

import json
import uuid
from pathlib import Path

from tests.embedded.conftest import RUN
from tests.servers.kafka import Can

from embedded.cli import app


def topics(*words):
    return RUN.invoke(app, ["topics", *words, "--replication", "1", "--json"])


def test_topics_are_told_as_missing_created_and_then_as_declared(kafka, monkeypatch):
    kafka.needs(Can.COMPARE)
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("EVENT_LOG_URL", kafka.url(prefix=f"{uuid.uuid4().hex[:8]}."))
    dry = topics("apply", "--dry-run")
    assert dry.exit_code == 4, dry.output
    assert {row["state"] for row in json.loads(dry.stdout)} == {"missing"}
    done = topics("apply")
    assert (done.exit_code, {row["state"] for row in json.loads(done.stdout)}) == (0, {"created"})
    listed = topics("list")
    assert listed.exit_code == 0
    assert {row["state"] for row in json.loads(listed.stdout)} == {"as declared"}


def test_a_cluster_that_does_not_answer_is_a_sentence(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("EVENT_LOG_URL", "kafka://127.0.0.1:9?timeout_seconds=2")
    told = topics("list")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr
