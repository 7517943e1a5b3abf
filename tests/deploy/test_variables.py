"""What deployments set and guides name: settings that something reads, each spelt as it is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.unknown_settings import Known
from embedded.parts import NAMED_BY_US

ROOT = Path(__file__).parents[2]
DEPLOYED = [
    path
    for folder in ("compose", "docker", "kubernetes", "postgres", "kafka")
    for path in (ROOT / "deploy" / folder).rglob("*")
    if path.suffix in {"", ".yaml", ".py", ".sql", ".md"} and path.is_file()
]
TOLD = [ROOT / "README.md", ROOT / "Makefile", *sorted((ROOT / "docs" / "guide").glob("*.md"))]

KNOWN = Known(NAMED_BY_US)
OURS = re.compile(r"(?<![A-Z_])(?:INTAKE|EMR_BRIDGE|NOTIFICATIONS|EMBEDDED)_[A-Z0-9_]*[A-Z0-9]\b")


def named(path: Path) -> Iterator[str]:
    yield from (found[0] for found in OURS.finditer(path.read_text()))


@pytest.mark.parametrize("path", [*DEPLOYED, *TOLD], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_variable_that_is_named_as_a_setting_is_one(path):
    known = {f"{name}{suffix}" for name in KNOWN.names for suffix in ("", "_FILE")}
    strange = {name for name in named(path) if not KNOWN.is_password_of_role(name)} - known
    assert strange == set()


def test_the_reading_of_the_files_finds_settings():
    found = {name for path in DEPLOYED for name in named(path)}
    assert {"INTAKE_DATABASE_URL", "EMR_BRIDGE_MLLP_HOST", "NOTIFICATIONS_HOST"} <= found


def test_what_the_images_set_for_themselves_is_read():
    told = (ROOT / "deploy" / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = re.findall(r"^ENV (.+)$", told, re.MULTILINE)
    names = {pair.partition("=")[0] for line in lines for pair in line.split()}
    of_python = {name for name in names if name.startswith(("PYTHON", "PIP_"))} | {"PATH"}
    assert len(names - of_python) == 5
    assert names - of_python <= KNOWN.names
