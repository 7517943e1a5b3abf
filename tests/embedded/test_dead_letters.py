"""Dead letters by command: chosen by filters, shown without what is sealed, replayed with a reason."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from tests.embedded.conftest import RUN

from common import deadletter
from common.clock import utc_now
from common.database import Database
from common.deadletter import Failure
from common.eventlog.port import Record
from common.events.clinic import ClinicChanged
from common.events.envelope import Envelope
from common.events.people import ClinicCard, Contact
from common.keys import sealer_from
from common.settings import SharedSettings
from common.tables import dead_letters
from embedded.cli import app
from embedded.system import ALONE

GROUP = "notifications"


def command(*words):
    return RUN.invoke(app, ["dead-letters", *words])


def told(*words):
    return json.loads(command(*words, "--json").stdout)


@pytest.fixture
def letters(tmp_path, monkeypatch):
    """Two dead letters of notifications: a clinic that it can read now, and bytes that are no event."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert RUN.invoke(app, ["migrate"]).exit_code == 0
    asyncio.run(_set_aside(tmp_path))
    return {row["code"]: row["id"] for row in told("list")}


async def _set_aside(folder):
    sealer = sealer_from(SharedSettings(data_dir=folder))
    event = ClinicChanged(occurred_at=utc_now(), clinic_id="zz", version=1, name="ZZ")
    card = ClinicCard(contacts=(Contact(name="ZZTESTCOORD"),))
    envelope = Envelope.of(event.with_sealed(sealer, card), now=utc_now())
    values = {"Retry": envelope.to_bytes(), "unreadable_event": b"\xffpoison"}
    db = Database(f"sqlite+aiosqlite:///{folder / 'notifications.db'}")
    for offset, (code, value) in enumerate(values.items()):
        record = Record(
            "clinic.events", 0, offset, "zz", value, {"ce_type": event.type}, datetime.now(UTC)
        )
        async with db.begin() as tx:
            await deadletter.set_aside(tx, record, Failure(code, 2, GROUP), now=utc_now())
    await db.close()


async def _rows(folder):
    db = Database(f"sqlite+aiosqlite:///{folder / 'notifications.db'}")
    async with db.read() as tx:
        rows = (await tx.execute(select(dead_letters))).mappings().all()
    await db.close()
    return {row["code"]: row for row in rows}


def test_they_are_listed_by_service_topic_and_code(letters):
    assert set(letters) == {"Retry", "unreadable_event"}
    assert len(told("list", "--topic", "clinic.events", "--code", "Retry")) == 1
    assert told("list", "--service", "intake") == []


def test_one_is_shown_and_what_is_sealed_is_not(letters):
    shown = command("show", letters["Retry"], "--json")
    assert json.loads(shown.stdout)["event"]["data"]["sealed"].startswith("(sealed with key")
    assert "ZZTESTCOORD" not in shown.stdout
    assert "no event" in command("show", letters["unreadable_event"], "--json").stdout


def test_a_replay_is_a_dry_run_until_yes_and_wants_a_reason(letters, tmp_path):
    assert command("replay", letters["Retry"]).exit_code == 2
    dry = command("replay", "--code", "Retry", "--reason", "fixed")
    assert (dry.exit_code, "--yes" in dry.stderr) == (0, True)
    assert len(told("list")) == 2


def test_a_replay_handles_the_event_and_keeps_who_and_why(letters, tmp_path):
    done = command("replay", "--code", "Retry", "--reason", "fixed", "--by", "ops:test", "--yes")
    assert done.exit_code == 0, done.output
    row = asyncio.run(_rows(tmp_path))["Retry"]
    assert (row["replayed_by"], row["replay_reason"]) == ("ops:test", "fixed")
    assert [left["code"] for left in told("list")] == ["unreadable_event"]


def test_what_fails_again_waits_on_and_the_rest_is_done(letters):
    done = command("replay", "--service", GROUP, "--reason", "fixed", "--yes", "--json")
    assert done.exit_code == 4
    outcomes = {row["outcome"] for row in json.loads(done.stdout)}
    assert "replayed" in outcomes
    assert len(outcomes) == 2
    assert command("replay", "--service", GROUP, "--reason", "x", "--yes").exit_code == 1


def test_nothing_that_fits_is_nothing_to_do(letters):
    assert command("replay", "--code", "zz", "--reason", "fixed").exit_code == 3
    assert command("replay", "--reason", "fixed").exit_code == 2


def test_databases_that_were_never_migrated_are_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for name in ALONE:
        (tmp_path / f"{name}.db").touch()
    told = command("list")
    assert told.exit_code == 1
    assert "referral-loop migrate" in told.stderr
