"""The Compose file: of the right shape, hardened, and naming only settings that a service reads."""

import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.sealing import KEY_BYTES, parse_keys
from embedded.cli.client import URL_VARIABLE

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
OURS = {name: told for name, told in SERVICES.items() if told["image"].startswith("referral-loop/")}

CLI_VARIABLES = {
    URL_VARIABLE.format(name.replace("-", "_").upper())
    for name in ("intake", "emr-bridge", "notifications")
}


def test_the_file_is_what_the_compose_specification_says():
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [checker, "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_can_write_nothing_but_tmp_and_gain_no_rights(name):
    told = OURS[name]
    assert told["read_only"] is True
    assert [mount.partition(":")[0] for mount in told["tmpfs"]] == ["/tmp"]
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert "volumes" not in told


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_are_given_settings_that_their_service_reads(name, settings_of):
    service = OURS[name]["image"].removeprefix("referral-loop/").partition(":")[0]
    every = frozenset().union(*settings_of.values())
    readable = settings_of.get(service, every)
    asked = set(OURS[name]["environment"])
    assert asked <= readable | (CLI_VARIABLES if service == "cli" else set())


def test_the_command_line_finds_each_service_at_its_port(ports):
    told = SERVICES["cli"]["environment"]
    found = {url: told[url] for url in CLI_VARIABLES}
    assert sorted(found.values()) == sorted(f"http://{name}:{port}" for name, port in ports.items())


def test_each_service_has_a_database_of_its_own_and_the_shared_log():
    urls = set()
    for service in ("intake", "emr-bridge", "notifications"):
        package = service.replace("-", "_")
        told = SERVICES[service]["environment"]
        url = told[f"{package.upper()}_DATABASE_URL"]
        assert url.startswith(f"postgresql+asyncpg://{package}:")
        assert url.endswith(f"/{package}")
        assert told["EVENT_LOG_URL"] == "kafka://kafka:9092"
        urls.add(url)
    assert len(urls) == 3


def test_no_service_starts_before_its_migration_and_the_topics():
    for service in ("intake", "emr-bridge", "notifications"):
        done = {"condition": "service_completed_successfully"}
        assert SERVICES[service]["depends_on"] == {f"{service}-migration": done, "topics": done}
        migration = SERVICES[f"{service}-migration"]
        assert migration["command"] == ["migrate"]
        assert migration["image"] == SERVICES[service]["image"]


def test_every_image_has_its_version():
    for told in SERVICES.values():
        assert re.fullmatch(r"[a-z-]+(/[a-z-]+)?:v?\d+(\.\d+)*", told["image"])


def test_every_port_is_published_on_loopback_only():
    ports = [port for told in SERVICES.values() for port in told.get("ports", [])]
    assert len(ports) == 8
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_databases_and_log_are_on_a_network_without_a_way_out():
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["kafka"]["networks"] == ["inside"]


def test_the_database_server_is_given_every_password_that_its_script_asks_for():
    script = (ROOT / "deploy" / "postgres" / "init.sql").read_text()
    asked = set(re.findall(r"^\\getenv \w+ (\w+)$", script, re.MULTILINE))
    assert len(asked) == 3
    assert asked <= set(SERVICES["postgres"]["environment"])


def test_every_file_that_is_mounted_is_there():
    for told in SERVICES.values():
        for mount in told.get("volumes", []):
            source = mount.partition(":")[0]
            assert source in COMPOSE["volumes"] or (FOLDER / source).exists(), source


def test_make_env_writes_every_secret_once_and_keeps_what_is_there(tmp_path, capsys):
    make_env = runpy.run_path(str(FOLDER / "make_env.py"))
    path = tmp_path / ".env"
    assert make_env["main"](path) == 0
    first = path.read_text()
    assert make_env["main"](path) == 1
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    told = dict(line.split("=", 1) for line in first.splitlines())
    assert set(told) == set(re.findall(r"\$\{(\w+):\?", FILE.read_text()))
    assert len(set(told.values())) == len(told)
    assert all(value not in capsys.readouterr().out for value in told.values())
    keys = parse_keys(told["SEALING_KEYS"])
    assert [len(key) for key in keys.by_id.values()] == [KEY_BYTES]
