"""The Dockerfile, as far as it can be judged without an engine, and the health check, which can be run."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
READY = ROOT / "deploy" / "docker" / "ready.py"
SERVICES = sorted(folder.name for folder in (ROOT / "services").iterdir() if folder.is_dir())


def stages() -> dict[str, str]:
    """The text of each named stage, continued lines joined."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    named = re.split(r"^FROM \S+ AS (\S+)$", joined, flags=re.MULTILINE)
    return dict(zip(named[1::2], named[2::2], strict=True))


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, DOCKERFILE], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_starts_as_its_module_and_is_asked_for_readiness_at_its_port(service, ports):
    stage, package = stages()[service], service.replace("-", "_")
    assert (ROOT / "services" / service / package / "__main__.py").exists()
    assert f'ENTRYPOINT ["python", "-m", "{package}"]' in stage
    asked = f'CMD ["python", "/opt/ready.py", "{package.upper()}_PORT", "{ports[service]}"]'
    assert "HEALTHCHECK" in stage
    assert asked in stage


def test_no_image_runs_as_root():
    runtime = stages()["runtime"]
    user = re.search(r"^USER (\d+):\d+$", runtime, re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0
    assert "USER" not in "".join(stages()[name] for name in (*SERVICES, "cli"))


def test_what_is_copied_is_let_through_to_the_build():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY ([^-]\S*) ", DOCKERFILE.read_text(), re.MULTILINE)
    assert set(copied) == allowed


def test_no_package_of_ours_is_kept_from_the_build_by_its_name():
    ignored = [
        line.removeprefix("**/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("**/")
    ]
    packages = {
        path.parent.name
        for part in ("libs", "services", "deploy/embedded")
        for path in (ROOT / part).rglob("*.py")
    }
    assert packages.isdisjoint(set(ignored) - {"__pycache__"})


class Answering(BaseHTTPRequestHandler):
    """A service that answers /readyz with the status in `told`."""

    told = HTTPStatus.OK

    def do_GET(self) -> None:
        body = json.dumps({"checks": {"database": "ConnectionRefusedError"}}).encode()
        self.send_response(self.told if self.path == "/readyz" else HTTPStatus.NOT_FOUND)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(status: HTTPStatus) -> Iterator[int]:
    """Run such a service; yield its port."""
    handler = type("Told", (Answering,), {"told": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check_health(environment: dict[str, str], default: int) -> subprocess.CompletedProcess[str]:
    """Run the health check as the image does; a proxy in the environment must not matter."""
    command = [sys.executable, "-I", str(READY), "INTAKE_PORT", str(default)]
    environment = environment | {"http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        command, env=environment, check=False, capture_output=True, text=True, timeout=30
    )


def test_the_health_check_asks_at_the_port_that_the_setting_names():
    with answering(HTTPStatus.OK) as port:
        assert check_health({"INTAKE_PORT": str(port)}, 1).returncode == 0
        assert check_health({}, port).returncode == 0


def test_the_health_check_fails_and_says_what_is_missing():
    with answering(HTTPStatus.SERVICE_UNAVAILABLE) as port:
        done = check_health({}, port)
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stdout


def test_the_health_check_fails_where_nobody_answers():
    done = check_health({}, 1)
    assert (done.returncode, done.stdout) == (1, "no answer: ConnectionRefusedError\n")
