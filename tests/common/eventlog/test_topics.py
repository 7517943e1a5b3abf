"""The declared topics: pure reading, and applying them to a broker."""

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.servers.kafka import Can

from common.errors import Misconfigured
from common.eventlog.kafka_settings import read_settings
from common.eventlog.topics import Difference, apply, read_topics
from common.events.registry import TOPICS
from common.retention import INBOX

DECLARED = Path(__file__).resolve().parents[3] / "deploy" / "kafka" / "topics.yaml"


def test_every_topic_of_the_code_is_declared_with_its_dead_letters_and_no_other():
    names = {topic.name for topic in read_topics(DECLARED)}
    assert names == {*TOPICS, *(f"{topic}.dlq" for topic in TOPICS)}


def test_no_record_outlives_the_memory_of_the_inboxes_unless_it_is_a_last_word():
    """INVARIANT: a replay finds its event ids remembered. Broken by a retention above the inbox's."""
    for topic in read_topics(DECLARED):
        if topic.config["cleanup.policy"] == "delete" and not topic.name.endswith(".dlq"):
            assert timedelta(milliseconds=int(topic.config["retention.ms"])) < INBOX


def test_the_directory_of_clinics_is_compacted_and_never_ends():
    (clinics,) = (topic for topic in read_topics(DECLARED) if topic.name == "clinic.events")
    assert clinics.config["cleanup.policy"] == "compact"
    assert clinics.config["retention.ms"] == "-1"


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_write_is_safe_on_all_copies_but_one(replication, in_sync):
    for topic in read_topics(DECLARED, replication=replication):
        assert topic.replication == replication
        assert topic.config["min.insync.replicas"] == in_sync


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("replication: 0\ndefaults: {}\ndead_letters: {}\ntopics: {}\n", "replication"),
        ("replication: 1\ndefaults: {}\ndead_letters: {}\ntopics: {a: {partition: 3}}\n", "a.part"),
        ("{", "topics.yaml"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(tmp_path, text, named):
    (tmp_path / "topics.yaml").write_text(text)
    with pytest.raises(Misconfigured, match=named):
        read_topics(tmp_path / "topics.yaml")


async def test_applying_twice_creates_once_and_then_says_what_differs(kafka):
    kafka.needs(Can.COMPARE)
    settings = read_settings(kafka.url(prefix=f"{uuid.uuid4().hex[:8]}."))
    topics = read_topics(DECLARED, replication=1)
    assert len((await apply(settings, topics)).created) == len(topics)
    again = await apply(settings, topics)
    assert (again.created, again.differences) == ([], [])

    other = replace(topics[0], partitions=24, config={"retention.ms": "1000"})
    told = await apply(settings, [other])
    assert told.differences == [
        Difference(other.name, "partitions", "24", "12"),
        Difference(other.name, "retention.ms", "1000", topics[0].config["retention.ms"]),
    ]
