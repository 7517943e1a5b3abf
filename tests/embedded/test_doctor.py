"""What the doctor finds in the folder that it is pointed at."""

import json

import pytest
from pydantic import SecretStr
from tests.embedded.conftest import RUN
from tests.system.whole import free_port

from common.sealing import new_key
from common.settings import SharedSettings
from embedded.checks import machine
from embedded.cli import app


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
