"""Each command that asks a running system, against one; and each of them when there is none."""

import json
import os
import signal
import socket
import subprocess
import sys
import uuid

import httpx2
import pytest
import trustme
from tests.embedded.conftest import RUN, answers, until
from tests.system.whole import free_port

from embedded.cli import app

NOBODY = str(uuid.UUID(int=0))


def test_clinics_are_listed_and_shown_without_their_secrets(running):
    assert {c["id"] for c in running.told("clinics", "list")} == {
        "zz-console",
        "zz-emr",
        "zz-silent",
    }
    assert running.told("clinics", "show", "zz-emr")["hl7_links"][0]["port"] == 9
    assert running.run("clinics", "show", "zz-nobody").exit_code == 1


def test_importing_the_same_file_again_changes_nothing(running, tmp_path):
    file = tmp_path / "clinics.yaml"
    file.write_text(
        "clinics: [{id: zz-console, name: ZZ Console, channels: [console], "
        "baa_signed_on: 2026-01-01}]"
    )
    assert running.told("clinics", "import", file)[0]["version"] == 1


def test_a_channel_without_means_is_named_by_the_import_and_by_the_doctor(running, tmp_path):
    file = tmp_path / "clinics.yaml"
    file.write_text(
        "clinics: [{id: zz-lame, name: ZZ Lame, channels: [console, webhook], "
        "baa_signed_on: 2026-01-01}]"
    )
    told = running.run("clinics", "import", file)
    assert told.exit_code == 0
    assert "clinic zz-lame: channel webhook has no webhook with a URL" in told.stderr
    found = json.loads(running.run("doctor", "--json").stdout)
    (lame,) = [
        f for f in found if f["check"] == "channel webhook" and f["place"] == "clinic zz-lame"
    ]
    assert (lame["state"], lame["told"]) == ("off", "no webhook with a URL")


def test_an_empty_clinic_file_is_nothing_to_do(running, tmp_path):
    file = tmp_path / "clinics.yaml"
    file.write_text("clinics: []")
    assert running.run("clinics", "import", file).exit_code == 3


def test_promises_at_risk_and_broken_come_before_those_that_are_kept(running):
    states = [promise["state"] for promise in running.told("promises", "list")]
    assert {"open", "kept"} <= set(states)
    order = ["at_risk", "broken", "open", "kept"]
    assert states == sorted(states, key=order.index)
    assert running.told("promises", "list", "--state", "broken") == []


def test_deliveries_are_listed_and_shown_with_their_attempts(running):
    (one,) = running.told("deliveries", "list", "--referral", running.referral_id, "-n", "1")
    assert running.told("deliveries", "show", one["id"])["tries"]
    assert "Attempts" in running.run("deliveries", "show", one["id"]).stdout


def test_a_delivery_is_sent_again_only_with_yes_and_a_reason(running):
    own = ("deliveries", "list", "--referral", running.referral_id)
    until(lambda: {d["state"] for d in running.told(*own)} == {"confirmed"})
    before = running.told(*own)
    one = before[0]
    resend = ("deliveries", "resend", one["id"], "--reason", "the page never came")
    assert running.run("deliveries", "resend", one["id"]).exit_code == 2
    assert "--yes" in running.run(*resend).stderr
    assert running.told(*own) == before
    assert running.run(*resend, "--yes").exit_code == 1
    begun = running.told(*resend, "--yes", "--confirm-again", "--by", "ops:test")
    assert begun["series"] == 2


def test_reviews_are_listed_without_what_they_hold_of_patients(running):
    (review,) = running.told("reviews", "list")
    assert review["reason"] == "unknown_sender"
    assert {"submission", "note"}.isdisjoint(review)
    assert "ZZTEST" not in running.run("reviews", "list", "--json").stdout


def test_a_task_is_done_once(running):
    task = next(t for t in running.told("tasks", "list") if t["clinic_id"] == "zz-silent")
    assert running.told("tasks", "done", task["id"], "--by", "ops:test")["done_by"] == "ops:test"
    again = running.run("tasks", "done", task["id"])
    assert again.exit_code == 1
    assert "done already" in again.stderr


def test_messages_are_listed_and_shown_without_what_they_say(running):
    (message,) = running.told("messages", "list", "--sender", "ZZ|ZZ")
    shown = running.run("messages", "show", message["id"], "--json")
    assert json.loads(shown.stdout)["state"] == "review"
    assert "ZZTEST" not in shown.stdout


def test_lag_is_told_for_each_group_and_topic(running):
    rows = running.told("lag")
    assert ("intake", "emr.events") in {(row["group"], row["topic"]) for row in rows}


def test_events_are_told_by_referral_and_type(running):
    words = ("events", "tail", "--referral", running.referral_id)
    own = running.run(*words, "--json").stdout.splitlines()
    types = {json.loads(line)["type"] for line in own}
    assert {"referral.received.v1", "notification.delivered.v1"} <= types
    one = running.run(*words, "--type", "referral.received.v1", "--json").stdout.splitlines()
    assert len(one) == 1
    assert "ZZTEST" not in "".join(own)


def test_the_doctor_names_what_is_off_and_what_to_do(running):
    told = running.run("doctor", "--json")
    assert told.exit_code == 4
    off = {(f["place"], f["check"]) for f in json.loads(told.stdout) if f["state"] == "off"}
    assert {("clinic zz-emr", "BAA"), ("clinic zz-silent", "channels")} <= off
    assert all(f["todo"] for f in json.loads(told.stdout) if f["state"] == "off")
    assert ("clinic zz-console", "channels") not in off


def test_the_metrics_page_tells_what_waits(running):
    page = httpx2.get(f"{running.url}/metrics").text
    assert "referral_reviews_open 1.0" in page
    assert 'referral_ready{check="database",service="intake"} 1.0' in page
    assert 'referral_messages_received_total{door="rest",outcome="received"} 2.0' in page
    assert 'referral_acknowledgements_total{code="AA",door="mllp"} 1.0' in page
    assert 'referral_promise_margin_seconds_count{kind="referral_received"} 1.0' in page
    assert 'referral_commit_to_publish_seconds_count{service="intake"}' in page


DOWN = [
    ("clinics", "list"),
    ("clinics", "show", "zz"),
    ("deliveries", "list"),
    ("deliveries", "show", NOBODY),
    ("deliveries", "resend", NOBODY, "--reason", "test"),
    ("messages", "list"),
    ("messages", "show", NOBODY),
    ("promises", "list"),
    ("reviews", "list"),
    ("tasks", "list"),
    ("tasks", "done", NOBODY),
]


@pytest.mark.parametrize("words", DOWN, ids=" ".join)
def test_a_command_without_a_system_says_so_on_stderr_and_fails(words):
    told = RUN.invoke(app, [*words, "--url", "http://127.0.0.1:9"])
    assert told.exit_code == 1
    assert "does not answer" in told.stderr
    assert told.stdout == ""


LOOKS = [
    (("events", "tail"), "events.db"),
    (("events", "show", NOBODY), "events.db"),
    (("lag",), "events.db"),
    (("dead-letters", "list"), "intake.db"),
    (("dead-letters", "list", "--service", "emr-bridge"), "emr-bridge.db"),
    (("dead-letters", "show", NOBODY), "intake.db"),
    (("dead-letters", "replay", NOBODY, "--reason", "test", "--yes"), "intake.db"),
]


@pytest.mark.parametrize(("words", "file"), LOOKS, ids=[" ".join(w) for w, _ in LOOKS])
def test_whoever_looks_where_nothing_has_run_is_told_and_makes_no_file(tmp_path, words, file):
    told = RUN.invoke(app, list(words), env={"DATA_DIR": str(tmp_path)})
    assert told.exit_code == 3
    assert str(tmp_path / file) in told.stderr
    assert "DATA_DIR is another" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_elsewhere_is_looked_for_where_its_setting_says(tmp_path):
    elsewhere = tmp_path / "zz.db"
    url = f"sqlite+aiosqlite:///{elsewhere}"
    environment = {"DATA_DIR": str(tmp_path), "INTAKE_DATABASE_URL": url}
    told = RUN.invoke(app, ["dead-letters", "list", "--service", "intake"], env=environment)
    assert (told.exit_code, str(elsewhere) in told.stderr) == (3, True)


WRONG = {"NOTIFICATIONS_BATCH": "zz-many", "INTAKE_PORT": "zz-door"}


@pytest.mark.parametrize("words", [("config", "print"), ("migrate",)], ids=" ".join)
def test_a_setting_that_cannot_be_read_is_named_with_its_prefix_and_the_reason(tmp_path, words):
    told = RUN.invoke(app, list(words), env=WRONG | {"DATA_DIR": str(tmp_path)})
    assert told.exit_code == 1
    for name, value in WRONG.items():
        assert f"{name}: Input should be a valid integer" in told.stderr
        assert value not in told.stderr


def test_the_doctor_names_settings_that_cannot_be_read(tmp_path):
    told = RUN.invoke(app, ["doctor", "--json"], env=WRONG | {"DATA_DIR": str(tmp_path)})
    assert told.exit_code == 4
    assert {f["todo"] for f in json.loads(told.stdout)} == {f"correct {name}" for name in WRONG}


@pytest.mark.parametrize(
    ("wrong", "check", "named"),
    [
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "zz"},
            "tracing",
            "OTEL_TRACES_EXPORTER",
        ),
        (
            {"EMR_BRIDGE_MLLP_TLS_CERTIFICATE": "/nowhere/zz.pem"},
            "MLLP and TLS",
            "EMR_BRIDGE_MLLP_TLS_CERTIFICATE",
        ),
        ({"EMR_BRIDGE_MLLP_HOST": "0.0.0.0"}, "MLLP and TLS", "EMR_BRIDGE_MLLP_TLS_CERTIFICATE"),
        (
            {"EMR_BRIDGE_SENDING_TLS_TRUSTED": "/nowhere/zz.pem"},
            "TLS towards EMRs",
            "EMR_BRIDGE_SENDING_TLS",
        ),
    ],
    ids=["tracing", "certificate", "open", "trusted"],
)
def test_the_doctor_names_tracing_and_tls_that_cannot_be_used(tmp_path, wrong, check, named):
    environment = wrong | {"DATA_DIR": str(tmp_path), "EMR_BRIDGE_MLLP_PORT": str(free_port())}
    told = RUN.invoke(app, ["doctor", "--url", "http://127.0.0.1:9", "--json"], env=environment)
    (found,) = [f for f in json.loads(told.stdout) if f["check"] == check]
    assert found["state"] == "off"
    assert named in found["told"] + found["todo"]


def test_the_doctor_without_a_system_is_no_traceback(tmp_path):
    environment = {"DATA_DIR": str(tmp_path), "EMR_BRIDGE_MLLP_PORT": str(free_port())}
    told = RUN.invoke(app, ["doctor", "--url", "http://127.0.0.1:9", "--json"], env=environment)
    assert told.exit_code == 4
    off = {(f["place"], f["check"]) for f in json.loads(told.stdout) if f["state"] == "off"}
    assert {("here", "MLLP port"), ("intake", "answers"), ("notifications", "answers")} <= off


@pytest.mark.parametrize(
    ("told_of_tls", "looked_at"),
    [
        ({"EMR_BRIDGE_MLLP_HOST": "127.0.0.1"}, {"MLLP port", "MLLP over TLS port"}),
        ({"EMR_BRIDGE_MLLP_HOST": "0.0.0.0"}, {"MLLP over TLS port"}),
    ],
    ids=["this machine", "the network"],
)
def test_the_doctor_looks_at_the_ports_that_emrs_find_open(tmp_path, told_of_tls, looked_at):
    certificate = tmp_path / "own.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    with (
        socket.create_server(("127.0.0.1", 0)) as plain,
        socket.create_server(("127.0.0.1", 0)) as tls,
    ):
        environment = told_of_tls | {
            "DATA_DIR": str(tmp_path),
            "EMR_BRIDGE_MLLP_PORT": str(plain.getsockname()[1]),
            "EMR_BRIDGE_MLLP_TLS_PORT": str(tls.getsockname()[1]),
            "EMR_BRIDGE_MLLP_TLS_CERTIFICATE": str(certificate),
        }
        told = RUN.invoke(app, ["doctor", "--url", "http://127.0.0.1:9", "--json"], env=environment)
    found = {f["check"]: f["state"] for f in json.loads(told.stdout) if "MLLP" in f["check"]}
    assert found == dict.fromkeys(looked_at | {"MLLP and TLS"}, "ok")


def test_sending_without_a_listener_names_the_port_of_the_settings():
    port = str(free_port())
    told = RUN.invoke(app, ["simulate", "send"], env={"EMR_BRIDGE_MLLP_PORT": port})
    assert told.exit_code == 1
    assert f"no answer on MLLP 127.0.0.1:{port}" in told.stderr


STAND_INS = {
    "fax-gateway": "NOTIFICATIONS_SINCH_BASE_URL",
    "emr": "mllp",
    "webhook-receiver": "secret",
}


@pytest.mark.parametrize("name", STAND_INS)
def test_a_stand_in_tells_how_it_is_reached_and_runs_until_it_is_stopped(name, tmp_path):
    port = ["--port", str(free_port())]
    more = ["--control-port", str(free_port())] if name == "emr" else []
    process = subprocess.Popen(
        [sys.executable, "-m", "embedded", "simulate", name, *port, *more, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert STAND_INS[name] in told
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    process.stdout.close()


def test_one_service_is_served_alone(tmp_path):
    port = free_port()
    environment = {"DATA_DIR": str(tmp_path), "INTAKE_PORT": str(port)}
    migrate = [sys.executable, "-m", "embedded", "migrate", "--service", "intake"]
    subprocess.run(migrate, env=os.environ | environment, check=True, capture_output=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "embedded", "serve", "--service", "intake"],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
