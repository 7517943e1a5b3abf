"""Rules of motion that no linter knows (docs/architecture.md): they are read off the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW_AN_EDGE = ("handlers", "store", "domain", "formats", "wording")
FILES = [
    path
    for service in ("intake/intake", "emr-bridge/emr_bridge", "notifications/notifications")
    for room in BELOW_AN_EDGE
    for path in sorted((ROOT / "services" / service / room).rglob("*.py"))
]
COMMITS = {"commit", "rollback"}
CLOCKS = {"now", "utcnow", "today", "utc_now", "monotonic", "time_ns"}
WAITS = {"sleep"}


def called(path: Path) -> list[tuple[int, str]]:
    """Return the name of every attribute or function that is called, with its line."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            names.append((node.lineno, name))
    return names


def test_there_are_rooms_to_look_at():
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "services")))
def test_nothing_below_an_edge_commits_reads_the_clock_or_waits(path):
    """INVARIANT: the edge opens the one transaction, reads the clock once, and nobody below sleeps in it."""
    for line, name in called(path):
        assert name not in COMMITS, f"{path.name}:{line}: only an edge ends a transaction"
        assert name not in CLOCKS, f"{path.name}:{line}: the time is an argument (`now`)"
        assert name not in WAITS, f"{path.name}:{line}: what must wait is a row with a time"
