"""What the doctor finds in the folder that it is pointed at, and of clinics that nothing reaches."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx2
import pytest
from pydantic import SecretStr
from tests.embedded.conftest import RUN, Running, answers, referral, serving, until
from tests.system.whole import free_port

from common.sealing import new_key
from common.settings import SharedSettings
from embedded.checks import machine
from embedded.checks.channels import still_off
from embedded.checks.tasks import SwitchedOff
from embedded.cli import app
from intake.api.clinics import ClinicOut


def looked(environment):
    told = RUN.invoke(app, ["doctor", "--url", "http://127.0.0.1:9", "--json"], env=environment)
    assert told.exit_code == 4, told.output
    return {(f["place"], f["check"]): f for f in json.loads(told.stdout)}


@pytest.fixture
def environment(tmp_path):
    return {"DATA_DIR": str(tmp_path), "EMR_BRIDGE_MLLP_PORT": str(free_port())}


def test_a_folder_in_which_nothing_has_run_is_told_and_stays_as_it_is(tmp_path, environment):
    found = looked(environment)["here", "DATA_DIR"]
    assert found["state"] == "off"
    assert f"nothing has run in {tmp_path}" in found["told"]
    assert "DATA_DIR" in found["todo"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_named_in_full_however_it_was_given(tmp_path, environment, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = looked(environment | {"DATA_DIR": "var"})["here", "DATA_DIR"]
    assert f"nothing has run in {tmp_path / 'var'}" in found["told"]


def test_a_folder_in_which_a_system_has_run_is_well(tmp_path, environment):
    assert RUN.invoke(app, ["migrate"], env=environment).exit_code == 0
    found = looked(environment)
    assert found["here", "DATA_DIR"]["state"] == "ok"
    assert found["here", "sealing key"]["state"] == "ok"


def test_databases_without_their_key_are_no_first_start(tmp_path, environment):
    assert RUN.invoke(app, ["migrate"], env=environment).exit_code == 0
    (tmp_path / "sealing.key").unlink()
    found = looked(environment)["here", "sealing key"]
    assert (found["state"], "copy" in found["todo"]) == ("off", True)
    assert not (tmp_path / "sealing.key").exists()


def test_a_system_on_servers_keeps_nothing_in_the_folder(tmp_path, monkeypatch):
    for service in ("INTAKE", "EMR_BRIDGE", "NOTIFICATIONS"):
        monkeypatch.setenv(f"{service}_DATABASE_URL", "postgresql+asyncpg://zz@127.0.0.1/zz")
    keys = SecretStr(new_key("zz"))
    shared = SharedSettings(
        data_dir=tmp_path, event_log_url="kafka://127.0.0.1:9", sealing_keys=keys
    )
    assert not machine.data_folder(shared).is_off


def test_a_mistyped_setting_is_named_with_the_one_that_is_meant_and_without_its_value(environment):
    mistyped = {"NOTIFICATIONS_SINCH_KEY_SECRT": "zzsecret", "INTAKE_SERVICE_HOST": "10.0.0.1"}
    found = looked(environment | mistyped)["here", "names of settings"]
    assert found["state"] == "off"
    assert "NOTIFICATIONS_SINCH_KEY_SECRT" in found["told"]
    assert "NOTIFICATIONS_SINCH_KEY_SECRET" in found["todo"]
    assert "zzsecret" not in str(found)
    assert looked(environment)["here", "names of settings"]["state"] == "ok"


TOLD_OF_ONE = 2
"""Notices of a new referral that lacks something: received, and what is needed."""


class Gone(BaseHTTPRequestHandler):
    """An endpoint that asks for nothing more."""

    def do_POST(self):
        """Answer 410, once the body is there."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(410)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def gone() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gone)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()


def imported(system: Running, folder, *clinics):
    file = folder / "clinics.yaml"
    file.write_text(json.dumps({"clinics": clinics}))
    assert system.run("clinics", "import", file).exit_code == 0


def clinic(name, url, *channels):
    return {
        "id": name,
        "name": "ZZ",
        "channels": channels,
        "webhook": {"url": url, "secret": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="},
        "baa_signed_on": "2026-01-01",
    }


def examined(system: Running):
    return {(f["place"], f["check"]): f for f in json.loads(system.run("doctor", "--json").stdout)}


def posted(system: Running, clinic_id):
    answer = httpx2.post(f"{system.url}/intake/v1/referrals", json=referral(clinic_id))
    assert answer.status_code == 201


def is_told(system, clinic_id, kind):
    return kind in kinds(system, clinic_id)


def kinds(system: Running, clinic_id):
    return [task["kind"] for task in system.told("tasks", "list", "--clinic", clinic_id)]


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory) -> Iterator[Running]:
    """Two clinics whose endpoint has answered 410; one of them has another channel."""
    folder = tmp_path_factory.mktemp("gone")
    allowed = {"NOTIFICATIONS_WEBHOOK_ALLOW_LOOPBACK": "true"}
    with serving(folder, **allowed) as system, gone() as url:
        imported(
            system,
            folder,
            clinic("zz-gone", url, "webhook", "fax"),
            clinic("zz-both", url, "webhook", "console"),
        )
        for clinic_id in ("zz-gone", "zz-both"):
            posted(system, clinic_id)
            until(partial(is_told, system, clinic_id, "endpoint_gone"))
        posted(system, "zz-gone")
        until(lambda: kinds(system, "zz-gone").count("no_eligible_channel") == TOLD_OF_ONE)
        until(lambda: kinds(system, "zz-gone").count("channels_exhausted") == TOLD_OF_ONE)
        yield system


def test_a_clinic_whose_last_channel_was_switched_off_is_told_with_what_to_do(unreachable):
    found = examined(unreachable)
    webhook = found["clinic zz-gone", "channel webhook"]
    assert (webhook["state"], "410" in webhook["told"]) == ("off", True)
    tasks = unreachable.told("tasks", "list", "--clinic", "zz-gone", "--kind", "endpoint_gone")
    assert f"referral-loop tasks done {tasks[0]['id']}" in webhook["todo"]
    channels = found["clinic zz-gone", "channels"]
    assert channels["state"] == "off"
    assert "no channel is left (webhook: switched off; fax: not set up here)" in channels["told"]
    assert f"notices that wait: {2 * TOLD_OF_ONE}" in channels["told"]
    assert "new address" in channels["todo"]
    assert "NOTIFICATIONS_SINCH_" in channels["todo"]
    assert "tasks list --clinic zz-gone" in channels["todo"]


def test_a_clinic_with_another_channel_is_still_told_by_that_one(unreachable):
    found = examined(unreachable)
    assert found["clinic zz-both", "channel webhook"]["state"] == "off"
    channels = found["clinic zz-both", "channels"]
    assert (channels["state"], channels["told"]) == ("ok", "console")


def test_open_tasks_are_counted_by_kind_with_the_oldest(unreachable):
    tasks = unreachable.told("tasks", "list")
    found = examined(unreachable)["notifications", "tasks"]
    assert (found["state"], found["todo"]) == ("off", "referral-loop tasks list")
    assert found["told"].startswith(f"{len(tasks)} open (")
    assert "2 endpoint_gone" in found["told"]
    assert min(task["created_at"] for task in tasks)[:19] in found["told"]


def test_a_new_address_or_a_task_that_is_done_is_a_channel_again(unreachable, tmp_path):
    imported(unreachable, tmp_path, clinic("zz-gone", "http://127.0.0.1:9/hook", "webhook"))
    found = examined(unreachable)
    assert ("clinic zz-gone", "channel webhook") not in found
    assert found["clinic zz-gone", "channels"]["told"] == "webhook"
    (task,) = unreachable.told("tasks", "list", "--clinic", "zz-both", "--kind", "endpoint_gone")
    unreachable.told("tasks", "done", task["id"])
    found = examined(unreachable)
    assert ("clinic zz-both", "channel webhook") not in found
    assert found["clinic zz-both", "channels"]["told"] == "webhook, console"


@pytest.mark.parametrize(
    ("verified", "is_off"), [("2026-03-01", True), ("2026-03-02", True), ("2026-03-03", False)]
)
def test_a_wrong_number_is_off_until_it_is_verified_on_a_later_day(verified, is_off):
    numbers = [{"number": "+13125550123", "verified_on": verified}]
    one = ClinicOut(id="zz", version=1, name="ZZ", channels=["fax"], fax_numbers=numbers)
    since = datetime(2026, 3, 2, 15, tzinfo=UTC)
    off = [SwitchedOff("zz", "fax", "+13125550123", since, uuid.UUID(int=1))]
    assert bool(still_off(one, off)) is is_off


@contextmanager
def fax_gateway(folder) -> Iterator[dict[str, str]]:
    """Run the stand-in as a person would; yield the settings that it tells."""
    words = ["simulate", "fax-gateway", "--port", str(free_port()), "--folder", "faxes", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "embedded", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    assert process.stdout is not None
    try:
        settings = json.loads(process.stdout.readline())
        until(lambda: answers(f"{settings['NOTIFICATIONS_SINCH_BASE_URL']}/_sim/faxes"))
        yield settings
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def test_a_clinic_whose_only_number_proved_to_be_wrong_is_told_with_the_number(tmp_path):
    numbers = [{"number": "+13125550049", "verified_on": "2026-01-01"}]
    faxed = {"id": "zz-fax", "name": "ZZ", "channels": ["fax"], "fax_numbers": numbers}
    quick = {"NOTIFICATIONS_FAX_POLL_SECONDS": "0.1"}
    with fax_gateway(tmp_path) as settings, serving(tmp_path, **settings, **quick) as system:
        imported(system, tmp_path, faxed | {"baa_signed_on": "2026-01-01"})
        assert examined(system)["clinic zz-fax", "channels"]["told"] == "fax"
        posted(system, "zz-fax")
        until(lambda: "bad_number" in kinds(system, "zz-fax"))
        found = examined(system)
        assert "+13125550049 proved to be wrong" in found["clinic zz-fax", "channel fax"]["told"]
        channels = found["clinic zz-fax", "channels"]
        assert (channels["state"], "fax: switched off" in channels["told"]) == ("off", True)
        (task,) = system.told("tasks", "list", "--clinic", "zz-fax", "--kind", "bad_number")
        assert task["id"] in channels["todo"]
