"""What a command imports: the tools that it needs, and no service for which nobody asked."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from embedded.cli import app, late
from embedded.cli.commands import COMMANDS

SERVICES = {"intake.app", "emr_bridge.app", "notifications.app", "embedded.system", "common.runner"}
SERVERS = {"fastapi", "uvicorn"}
STANDS_IN = {"simulate"}
"""The stand-ins are servers themselves."""

RUN = """
import json, sys
from typer.testing import CliRunner
from embedded.cli import app

told = []
for words in json.loads(sys.argv[1]):
    code = CliRunner().invoke(app, words).exit_code
    told.append([code, sorted(sys.modules)])
print(json.dumps(told))
"""


def loaded(*lines: list[str], folder: Path) -> list[tuple[int, set[str]]]:
    """Run commands in a process of their own; return how each ended, and every module until then."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(lines)],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return [(code, set(modules)) for code, modules in json.loads(done.stdout)]


def test_the_overview_loads_none_of_the_commands(tmp_path):
    ((code, modules),) = loaded(["--help"], folder=tmp_path)
    named = {f"embedded.cli.{where.partition(':')[0]}" for where, _ in COMMANDS.values()}
    assert code == 0
    assert modules & (named | SERVICES | SERVERS | {"pydantic", "sqlalchemy"}) == set()


def test_no_command_loads_a_service_to_say_what_it_does(tmp_path):
    names = [name for name in COMMANDS if name not in STANDS_IN]
    *_, (_, before), (code, modules) = loaded(
        *([name, "--help"] for name in names), ["simulate", "--help"], folder=tmp_path
    )
    assert code == 0
    assert before & (SERVICES | SERVERS) == set()
    assert modules & SERVICES == set()


@pytest.mark.parametrize("words", [["config", "print"], ["hl7", "lint", "message.hl7"]], ids=str)
def test_a_command_that_asks_no_service_loads_none(words, tmp_path):
    message = "MSH|^~\\&|ZZ|ZZ|||20260302||ACK|1|P|2.5.1\rMSA|AA|1\r"
    (tmp_path / "message.hl7").write_text(message)
    ((code, modules),) = loaded(words, folder=tmp_path)
    assert code == 0
    assert modules & (SERVICES | SERVERS | {"sqlalchemy"}) == set()


def test_a_command_that_opens_the_system_fails_without_its_files_before_it_loads_it(tmp_path):
    ((code, modules),) = loaded(["lag"], folder=tmp_path)
    assert code == 3
    assert modules & SERVICES == set()


def test_what_is_imported_late_is_what_checkers_are_told_of():
    tree = ast.parse(Path(late.__file__).read_text())
    (told,) = [one for one in tree.body if isinstance(one, ast.If)]
    imports = [line for line in told.body if isinstance(line, ast.ImportFrom)]
    named = {str(a.asname): f"{line.module}.{a.name}" for line in imports for a in line.names}
    assert len(imports) == len(told.body)
    assert vars(late)["PLACES"] == named
    assert {name: getattr(late, name).__name__ for name in named} == named


def test_a_line_that_is_mistyped_is_refused_without_a_service(tmp_path):
    lines = (["lagg"], ["hl7", "lint", "--nope"], ["lag", "--nope"], ["messages", "lst"])
    for code, modules in loaded(*lines, folder=tmp_path):
        assert code == 2
        assert modules & SERVICES == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_of_a_command_what_the_command_says_of_itself(name):
    known = get_command(app).commands[name]  # type: ignore[attr-defined]  # it is the group
    assert known.get_short_help_str(1000) == known.real.get_short_help_str(1000)


def test_a_command_that_is_not_in_the_table_is_answered_with_the_nearest():
    told = CliRunner().invoke(app, ["lagg"])
    assert told.exit_code == 2
    assert "'lag'" in told.output
