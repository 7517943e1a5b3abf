"""The command line against a system that runs, and on its files when it does not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.clock import utc_now
from common.eventlog.port import NewRecord
from common.eventlog.sqlite import SqliteEventLog
from common.events.envelope import Envelope
from common.events.people import PatientCard, ReferralCard
from common.events.referral import ReferralAccepted
from common.ids import new_id
from common.sealing import Sealer
from embedded.cli import app

RUN = CliRunner()


@pytest.fixture
async def log_with_an_event(tmp_path: Path, sealer: Sealer, monkeypatch) -> Envelope:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    event = ReferralAccepted(
        occurred_at=utc_now(),
        referral_id=new_id(),
        clinic_id="zz",
        code="ABC234",
        version=2,
        status="accepted",
    )
    card = ReferralCard(patient=PatientCard(family_name="ZZTESTNAME"), medication="ZZTESTDRUG")
    envelope = Envelope.of(event.with_sealed(sealer, card), now=utc_now())
    log = SqliteEventLog(tmp_path / "events.db")
    headers = {"ce_id": str(envelope.id)}
    record = NewRecord(event.topic, event.subject, envelope.to_bytes(), headers)
    await log.append([record])
    await log.close()
    return envelope


def test_tail_prints_events_and_never_opens_what_is_sealed(log_with_an_event):
    printed = RUN.invoke(app, ["events", "tail", "--json"])
    (line,) = printed.stdout.splitlines()
    assert json.loads(line)["id"] == str(log_with_an_event.id)
    assert json.loads(line)["data"]["sealed"] == "(sealed with key test-1)"


def test_show_finds_one_event_by_its_id(log_with_an_event):
    printed = RUN.invoke(app, ["events", "show", str(log_with_an_event.id)])
    assert printed.exit_code == 0
    assert RUN.invoke(app, ["events", "show", str(new_id())]).exit_code == 3


def test_an_import_without_a_system_says_so_and_fails():
    file = Path(__file__).parents[2] / "docs/guide/clinics.example.yaml"
    told = RUN.invoke(app, ["clinics", "import", str(file), "--url", "http://127.0.0.1:9"])
    assert told.exit_code == 1


def test_dead_letters_of_all_services_are_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    printed = RUN.invoke(app, ["dead-letters", "list", "--json"])
    assert json.loads(printed.stdout) == []
