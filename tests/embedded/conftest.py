"""One embedded system for all commands, with something of everything in it; and none, for the others."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from tests.system.whole import free_port
from typer.testing import CliRunner, Result

from embedded.cli import app

RUN = CliRunner()
READY_SECONDS = 60.0

CLINICS = """
clinics:
  - {id: zz-console, name: ZZ Console, channels: [console], baa_signed_on: 2026-01-01}
  - {id: zz-silent, name: ZZ Silent, channels: [fax], baa_signed_on: 2026-01-01}
  - id: zz-emr
    name: ZZ Emr
    channels: [emr]
    hl7_links: [{id: zz, sending_application: ZZEMR, sending_facility: ZZCLINIC, host: 127.0.0.1, port: 9}]
"""

Command = Callable[..., Result]


@dataclass(frozen=True)
class Running:
    """The system as its environment; `referral_id` is of the clinic that was told."""

    environment: dict[str, str]
    url: str
    mllp_port: int
    referral_id: str = ""

    def run(self, *words: str) -> Result:
        """Run a command as it would be run beside the system."""
        return RUN.invoke(app, [str(word) for word in words], env=self.environment)

    def told(self, *words: str) -> Any:
        """Run a command that must succeed; return what it says as JSON."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


def referral(clinic_id: str) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "patient": {
            "family_name": "ZZTESTNAME",
            "given_names": ["Ann"],
            "birth_date": "1980-02-03",
        },
        "medication": {"text": "ZZTESTDRUG 40 mg"},
    }


@pytest.fixture(autouse=True)
def log_to_nobody() -> Iterator[None]:
    """Forget the stream that a command logged to: it is closed with the command."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def running(tmp_path_factory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("system")
    with serving(folder) as system:
        yield seeded(system, folder)


@contextmanager
def serving(folder: Path, **more: str) -> Iterator[Running]:
    """Serve a system of its own in a folder, with `more` in its environment; it knows no clinic."""
    port, mllp_port = free_port(), free_port()
    environment = {
        "DATA_DIR": str(folder / "data"),
        "EMBEDDED_PORT": str(port),
        "EMR_BRIDGE_MLLP_PORT": str(mllp_port),
        "NOTIFICATIONS_CONSOLE": "true",
        "NOTIFICATIONS_TICK_SECONDS": "0.1",
        "COLUMNS": "200",
    } | more
    url = f"http://127.0.0.1:{port}"
    with (folder / "printed.log").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded", "serve", "--json"],
            env=os.environ | environment,
            stdout=printed,
            stderr=printed,
            cwd=folder,
        )
    try:
        until(lambda: answers(f"{url}/readyz"))
        yield Running(environment, url, mllp_port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def seeded(system: Running, folder: Path) -> Running:
    """Give it clinics, referrals, a review; wait until one clinic was told."""
    file = folder / "clinics.yaml"
    file.write_text(CLINICS)
    assert system.run("clinics", "import", str(file)).exit_code == 0
    with httpx2.Client(base_url=f"{system.url}/intake") as client:
        ids = [
            client.post("/v1/referrals", json=referral(clinic)).json()["id"]
            for clinic in ("zz-console", "zz-silent")
        ]
    sent = system.run("simulate", "send", "--port", str(system.mllp_port), "--sending", "ZZ|ZZ")
    assert sent.exit_code == 0, sent.output
    until(lambda: system.told("deliveries", "list", "--state", "confirmed"))
    until(lambda: system.told("reviews", "list"))
    until(lambda: system.told("tasks", "list"))
    return Running(system.environment, system.url, system.mllp_port, ids[0])


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


def until(what: Callable[[], Any]) -> Any:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")
