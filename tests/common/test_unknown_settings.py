"""Variables that no setting has: those that are mistyped are named, those that others set are not."""

import json
import os
import subprocess
import sys

import pytest
from pydantic_settings import SettingsConfigDict
from structlog.testing import capture_logs

from common.settings import ServiceSettings, SharedSettings
from common.unknown_settings import unknown, warn


class Own(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ZZ_SERVICE_OF_OURS_", env_file=".env")

    sinch_key_secret: str | None = None


KINDS = (Own, SharedSettings)
SECRET = "zzsecret"

SERVICE_LINKS = """
ZZ_SERVICE_OF_OURS_SERVICE_HOST=10.0.0.11
ZZ_SERVICE_OF_OURS_SERVICE_PORT=8002
ZZ_SERVICE_OF_OURS_SERVICE_PORT_HTTP=8002
ZZ_SERVICE_OF_OURS_SERVICE_PORT_MLLP=2575
ZZ_SERVICE_OF_OURS_PORT_8002_TCP=tcp://10.0.0.11:8002
ZZ_SERVICE_OF_OURS_PORT_8002_TCP_PROTO=tcp
ZZ_SERVICE_OF_OURS_PORT_8002_TCP_PORT=8002
ZZ_SERVICE_OF_OURS_PORT_8002_TCP_ADDR=10.0.0.11
ZZ_SERVICE_OF_OURS_MLLP_SERVICE_HOST=10.0.0.12
ZZ_SERVICE_OF_OURS_MLLP_SERVICE_PORT=2575
ZZ_SERVICE_OF_OURS_MLLP_SERVICE_PORT_MLLPS=2576
ZZ_SERVICE_OF_OURS_MLLP_PORT=tcp://10.0.0.12:2575
ZZ_SERVICE_OF_OURS_MLLP_PORT_2575_UDP=udp://10.0.0.12:2575
KAFKA_SERVICE_HOST=10.0.0.13
KAFKA_PORT=tcp://10.0.0.13:9092
KAFKA_PORT_9092_TCP_ADDR=10.0.0.13
DATA_PORT=tcp://10.0.0.14:1
"""
"""What Kubernetes puts into a pod for Services that are named as ours are."""

OF_OTHERS = """
XDG_DATA_DIRS DATA_HOME LOGLEVEL LOG_DIR LOG_FILE EVENT_NAME CLOCK_SKEW PGDATA KAFKA_HOME KAFKA_OPTS
KAFKA_HEAP_OPTS KAFKA_LOG4J_OPTS KAFKA_NODE_ID KAFKA_LISTENERS KAFKA_ADVERTISED_LISTENERS KAFKA_LOG_DIRS
KAFKA_GROUP_ID KAFKA_INTER_BROKER_LISTENER_NAME OTEL_EXPORTER_OTLP_TRACES_TIMEOUT
KAFKA_SASL_USERNAME KAFKA_SASL_PASSWORD KAFKA_USER LOG_FORMATTER LOG_LVL EVENT_LOG_FILE DATA_DISK
REFERRAL_LOOP_INTAKE_URL REFERRAL_LOOP_TOKEN REFERRAL_LOOP_DIE_AT ZZ_ANOTHER_API_TOKEN
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing is set where a test begins: the developer's own variables are not looked at."""
    monkeypatch.chdir(tmp_path)
    for variable in list(os.environ):
        monkeypatch.delenv(variable)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("ZZ_SERVICE_OF_OURS_SINCH_KEY_SECRT", "ZZ_SERVICE_OF_OURS_SINCH_KEY_SECRET"),
        ("ZZ_SERVICE_OF_OURS_SINCH_KEY_SECRT_FILE", "ZZ_SERVICE_OF_OURS_SINCH_KEY_SECRET_FILE"),
        ("ZZ_SERVICE_OF_OURS_SINCH_KEY_SECRET_FIEL", "ZZ_SERVICE_OF_OURS_SINCH_KEY_SECRET"),
        ("zz_service_of_ours_databse_url", "ZZ_SERVICE_OF_OURS_DATABASE_URL"),
        ("ZZ_SERVICE_OF_OUR_API_TOKEN", "ZZ_SERVICE_OF_OURS_API_TOKEN"),
        ("ZZ_SERVICE_OF_OURS_WORKERS", None),
        ("ZZ_SERVICE_OF_OURS_PROT", "ZZ_SERVICE_OF_OURS_PORT"),
        ("SEALING_KEY", "SEALING_KEYS"),
        ("EVENT_LOG_URI", "EVENT_LOG_URL"),
        ("KAFKA_PASSWRD_FILE", "KAFKA_PASSWORD_FILE"),
        ("LOG_FORMATS", "LOG_FORMAT"),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_mistyped_variable_is_named_with_the_setting_that_is_meant(
    variable, nearest, where, tmp_path, monkeypatch
):
    if where == ".env":
        (tmp_path / ".env").write_text(f"{variable}={SECRET}\n")
    else:
        monkeypatch.setenv(variable, SECRET)
    assert [(one.variable, one.nearest) for one in unknown(KINDS)] == [(variable.upper(), nearest)]


def test_what_kubernetes_sets_for_services_that_are_named_as_ours_is_no_mistake(monkeypatch):
    for line in SERVICE_LINKS.split():
        monkeypatch.setenv(*line.split("=", 1))
    assert list(unknown(KINDS)) == []


def test_a_port_that_is_mistyped_is_no_service_of_kubernetes(monkeypatch):
    monkeypatch.setenv("ZZ_SERVICE_OF_OURS_PORT_", "8001")
    monkeypatch.setenv("ZZ_SERVICE_OF_OURS_HTTP_PORT", "8001")
    assert len(list(unknown(KINDS))) == 2


@pytest.mark.parametrize("variable", OF_OTHERS.split())
def test_what_other_programs_read_is_not_called_mistyped(variable, monkeypatch):
    monkeypatch.setenv(variable, SECRET)
    assert list(unknown(KINDS)) == []


def test_the_password_of_a_role_is_the_database_servers_and_no_mistake(monkeypatch):
    monkeypatch.setenv("ZZ_SERVICE_OF_OURS_DATABASE_PASSWORD", SECRET)
    assert list(unknown(KINDS)) == []
    for mistyped in ("DATABASE_PASWORD", "DATABASE_PASSWORD_FILE", "KEY_DATABASE_PASSWORD"):
        monkeypatch.setenv(f"ZZ_SERVICE_OF_OURS_{mistyped}", SECRET)
    assert len(list(unknown(KINDS))) == 3


def test_every_setting_and_every_file_for_one_is_known(monkeypatch):
    for kind, prefix in ((Own, "ZZ_SERVICE_OF_OURS_"), (SharedSettings, "")):
        for field in kind.model_fields:
            monkeypatch.setenv(f"{prefix}{field}", "1")
            monkeypatch.setenv(f"{prefix}{field}_FILE".upper(), "1")
    assert list(unknown(KINDS)) == []


def test_a_variable_that_is_empty_sets_nothing_and_is_passed_over(monkeypatch):
    monkeypatch.setenv("ZZ_SERVICE_OF_OURS_PROT", "")
    assert list(unknown(KINDS)) == []


def test_the_warning_has_the_name_and_never_the_value(monkeypatch):
    """INVARIANT: a secret under a mistyped name is in no log."""
    monkeypatch.setenv("ZZ_SERVICE_OF_OURS_API_TOKN", SECRET)
    with capture_logs() as logged:
        warn(KINDS)
    assert logged == [
        {
            "event": "unknown_setting",
            "log_level": "warning",
            "variable": "ZZ_SERVICE_OF_OURS_API_TOKN",
            "nearest": "ZZ_SERVICE_OF_OURS_API_TOKEN",
        }
    ]


def test_a_service_that_starts_names_what_is_mistyped(tmp_path):
    mistyped = {"INTAKE_API_TOKN": SECRET, "SEALING_KEY": SECRET, "INTAKE_SERVICE_HOST": "10.0.0.1"}
    given = {"DATA_DIR": str(tmp_path), "LOG_FORMAT": "json"}
    done = subprocess.run(
        [sys.executable, "-m", "intake", "migrate"],
        env=os.environ | mistyped | given,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = [(one["variable"], one["nearest"]) for one in lines if one["event"] == "unknown_setting"]
    assert told == [("INTAKE_API_TOKN", "INTAKE_API_TOKEN"), ("SEALING_KEY", "SEALING_KEYS")]
    assert SECRET not in done.stderr
