import os
import subprocess
import sys

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from common.errors import Misconfigured
from common.keys import keys_from
from common.sealing import new_key
from common.setting_files import FiledSettings
from common.settings import ServiceSettings, SharedSettings


class Prefixed(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ZZ_", env_file=".env", extra="ignore")


@pytest.fixture
def secret(tmp_path, monkeypatch):
    """Write a secret and name it in the environment."""

    def write(name: str, content: str) -> None:
        path = tmp_path / name
        path.write_text(content)
        monkeypatch.setenv(f"{name}_FILE", str(path))

    monkeypatch.chdir(tmp_path)
    return write


def test_a_secret_stands_in_the_file_that_the_variable_names(secret):
    key = new_key("filed")
    secret("SEALING_KEYS", f"{key}\n")
    secret("KAFKA_PASSWORD", " with spaces \r\n")
    secret("ZZ_DATABASE_URL", "postgresql://zz")
    secret("ZZ_API_TOKEN", "token")
    secret("ZZ_PORT", "9")
    shared, service = SharedSettings(), Prefixed()
    assert list(keys_from(shared).by_id) == ["filed"]
    assert shared.kafka_password == SecretStr(" with spaces ")
    assert (service.database_url, service.port) == ("postgresql://zz", 9)
    assert service.api_token == SecretStr("token")


def test_the_file_may_be_named_in_dotenv(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("filed")
    (tmp_path / ".env").write_text(f"ZZ_API_TOKEN_FILE={tmp_path / 'token'}\n")
    monkeypatch.chdir(tmp_path)
    assert Prefixed().api_token == SecretStr("filed")


def test_an_argument_goes_before_the_file(secret):
    secret("ZZ_PORT", "9")
    assert Prefixed(port=7).port == 7


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_value_and_a_file_for_it_are_one_too_many(secret, monkeypatch, tmp_path, where):
    """INVARIANT: nobody runs with the old secret because the new one was put beside it."""
    secret("ZZ_API_TOKEN", "new")
    if where == ".env":
        (tmp_path / ".env").write_text("ZZ_API_TOKEN=old\n")
    else:
        monkeypatch.setenv("ZZ_API_TOKEN", "old")
    with pytest.raises(Misconfigured, match="ZZ_API_TOKEN and ZZ_API_TOKEN_FILE are both set"):
        Prefixed()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff", "cannot be read")],
)
def test_a_file_that_gives_no_secret_is_named(monkeypatch, tmp_path, content, complaint):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SEALING_KEYS_FILE", str(path))
    with pytest.raises(Misconfigured, match=f"SEALING_KEYS_FILE: {path} {complaint}"):
        SharedSettings()


def test_what_stands_in_a_file_is_never_shown(secret):
    secret("SEALING_KEYS", "zzsecret")
    with pytest.raises(Misconfigured) as refused:
        keys_from(SharedSettings())
    assert "zzsecret" not in str(refused.value) + repr(SharedSettings())


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"SEALING_KEYS_FILE": "/nowhere/at/all"},
            "SEALING_KEYS_FILE: /nowhere/at/all cannot be read",
        ),
        ({"INTAKE_PORT": "zzsecret"}, "settings that cannot be used: INTAKE_PORT"),
    ],
)
def test_a_service_says_in_a_sentence_why_it_does_not_start(tmp_path, environment, sentence):
    done = subprocess.run(
        [sys.executable, "-m", "intake"],
        env=os.environ | environment,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "zzsecret" not in done.stderr


def test_every_class_of_settings_reads_files():
    from embedded.parts import SETTINGS

    assert all(issubclass(kind, FiledSettings) for kind in SETTINGS.values())
