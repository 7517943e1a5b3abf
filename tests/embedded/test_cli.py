"""The command line against a system that runs, and on its files when it does not."""

import json
import os
from pathlib import Path

import pytest
from tests.embedded.conftest import serving
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
from embedded.system import ALONE

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


def test_events_are_filtered_by_type_and_referral(log_with_an_event):
    subject = log_with_an_event.subject
    assert len(tail("--referral", subject, "--type", "referral.accepted.v1")) == 1
    assert tail("--type", "referral.received.v1") == []
    assert tail("--referral", str(new_id())) == []
    assert len(tail("-n", "1")) == 1


def tail(*words):
    return RUN.invoke(app, ["events", "tail", "--json", *words]).stdout.splitlines()


def test_an_import_without_a_system_says_so_and_fails():
    file = Path(__file__).parents[2] / "docs/guide/clinics.example.yaml"
    told = RUN.invoke(app, ["clinics", "import", str(file), "--url", "http://127.0.0.1:9"])
    assert told.exit_code == 1


def test_a_migration_is_told_for_each_service(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    told = RUN.invoke(app, ["migrate", "--json"])
    assert [row["service"] for row in json.loads(told.stdout)] == list(ALONE)
    assert RUN.invoke(app, ["migrate", "--service", "zz"]).exit_code == 1


def test_a_service_that_does_not_exist_is_not_served():
    assert RUN.invoke(app, ["serve", "--service", "zz"]).exit_code == 2


SECRET = "ZZTESTSECRET"


@pytest.fixture
def nothing_is_set(monkeypatch, tmp_path):
    """Whatever the developer has set, in the environment and in `.env`, is not looked at."""
    monkeypatch.chdir(tmp_path)
    for variable in list(os.environ):
        monkeypatch.delenv(variable)


@pytest.mark.usefixtures("nothing_is_set")
def test_settings_are_told_with_their_source_and_no_secret(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("NOTIFICATIONS_PHARMACY_NAME=ZZ Pharmacy\n")
    monkeypatch.setenv("NOTIFICATIONS_SINCH_KEY_SECRET", SECRET)
    monkeypatch.setenv("INTAKE_DATABASE_URL", f"postgresql://zz:{SECRET}@db/intake?x={SECRET}")
    printed = RUN.invoke(app, ["config", "print", "--json"]).stdout
    assert SECRET not in printed
    rows = {row["name"]: row for row in json.loads(printed)}
    assert rows["NOTIFICATIONS_SINCH_KEY_SECRET"]["value"] == "(set)"
    assert rows["NOTIFICATIONS_SINCH_KEY_SECRET"]["source"] == "environment"
    assert rows["NOTIFICATIONS_PHARMACY_NAME"]["source"] == ".env"
    assert rows["INTAKE_PORT"]["source"] == "default"
    redacted = RUN.invoke(app, ["config", "print", "--json", "--redact"]).stdout
    assert "ZZ Pharmacy" not in redacted
    assert "@db/" not in redacted


@pytest.mark.usefixtures("nothing_is_set")
def test_a_setting_that_cannot_be_used_is_named_without_its_value(monkeypatch):
    monkeypatch.setenv("INTAKE_PORT", SECRET)
    told = RUN.invoke(app, ["config", "print"])
    assert (told.exit_code, SECRET in told.output) == (1, False)
    assert "PORT" in told.stderr


@pytest.mark.usefixtures("nothing_is_set")
def test_a_mistyped_setting_is_told_beside_the_settings_and_not_among_them(monkeypatch):
    monkeypatch.setenv("INTAKE_API_TOKN", SECRET)
    told = RUN.invoke(app, ["config", "print", "--json"])
    assert "INTAKE_API_TOKN" not in {row["name"] for row in json.loads(told.stdout)}
    assert "no setting is named INTAKE_API_TOKN; is INTAKE_API_TOKEN meant?" in told.stderr
    assert SECRET not in told.output


@pytest.mark.usefixtures("nothing_is_set")
def test_the_system_that_starts_names_what_is_mistyped(tmp_path):
    with serving(tmp_path, NOTIFICATIONS_FAX_FORM_NUMBER=SECRET, LOG_FORMAT="json"):
        printed = (tmp_path / "printed.log").read_text()
    (line,) = [line for line in printed.splitlines() if "unknown_setting" in line]
    told = json.loads(line)
    assert told["variable"] == "NOTIFICATIONS_FAX_FORM_NUMBER"
    assert told["nearest"] == "NOTIFICATIONS_FAX_FROM_NUMBER"
    assert SECRET not in printed


def test_a_log_in_a_file_has_no_topics_to_apply(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert RUN.invoke(app, ["topics", "apply"]).exit_code == 3


def test_every_command_but_the_demonstration_can_answer_in_json():
    from typer.main import get_command

    def lacking(command, name=""):
        for word, sub in getattr(command, "commands", {}).items():
            yield from lacking(getattr(sub, "real", sub), f"{name} {word}")
        if not hasattr(command, "commands"):
            options = {option for p in command.params for option in p.opts}
            if "--json" not in options:
                yield name.strip()

    assert list(lacking(get_command(app))) == ["demo"]
