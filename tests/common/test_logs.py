import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from common import logs

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
FREE = {"exc_info"}
"""Taken out by a processor: only the class and the place stay."""


@pytest.fixture
def output(monkeypatch) -> Iterator[io.StringIO]:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(level="debug", form="json")
    yield out
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(error: Exception) -> None:
    raise error


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_ids(output):
    structlog.get_logger().info("message_stored", link="north", control_id="1")
    (line,) = lines(output)
    assert line["event"] == "message_stored"
    assert (line["level"], line["link"], line["control_id"]) == ("info", "north", "1")
    assert line["timestamp"].endswith("Z")


def test_a_key_that_is_not_allowed_keeps_its_value_to_itself(output):
    """INVARIANT: no person in a log. Broken by a deny-list."""
    structlog.get_logger().info("stored", patient="ZZTESTLAST", payload={"a": "ZZTESTLAST"})
    assert "ZZTESTLAST" not in output.getvalue()
    assert lines(output)[0]["patient"] == "(withheld)"


@pytest.mark.parametrize("how", ["exception", "true", "tuple", "instance"])
def test_an_exception_shows_its_class_and_place_and_not_its_text(output, how):
    log = structlog.get_logger()
    try:
        fail(ValueError("ZZTESTLAST"))
    except ValueError as error:
        given = {"true": True, "tuple": (type(error), error, error.__traceback__)}
        if how == "exception":
            log.exception("failed")
        else:
            log.warning("failed", exc_info=given.get(how, error))
    (line,) = lines(output)
    assert "ZZTESTLAST" not in output.getvalue()
    assert line["error_class"] == "ValueError"
    assert line["place"].startswith("test_logs.py:")


def test_an_exception_that_was_never_raised_has_no_place(output):
    structlog.get_logger().error("failed", exc_info=ValueError("ZZTESTLAST"))
    assert lines(output)[0]["place"] == "unknown"


def test_what_a_library_logs_shows_its_place_and_not_its_words(output):
    logger = logging.getLogger("some.library")
    logger.warning("could not send %s", "ZZTESTLAST")
    logger.error(f"could not send {'ZZTESTLAST'}")  # noqa: G004 - as careless libraries do
    try:
        fail(KeyError("ZZTESTLAST"))
    except KeyError:
        logger.exception("ZZTESTLAST")
    assert "ZZTESTLAST" not in output.getvalue()
    assert [line["logger"] for line in lines(output)] == ["some.library"] * 3
    assert lines(output)[2]["error_class"] == "KeyError"
    assert all(line["place"].startswith("test_logs.py:") for line in lines(output))


def test_a_level_below_the_setting_is_not_written(output, monkeypatch):
    monkeypatch.setattr("sys.stderr", output)
    logs.configure(level="warning", form="json")
    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")
    assert output.getvalue() == ""


def test_the_console_form_withholds_as_well(output, monkeypatch):
    monkeypatch.setattr("sys.stderr", output)
    logs.configure(level="info", form="console")
    structlog.get_logger().info("stored", patient="ZZTESTLAST", link="north")
    assert "ZZTESTLAST" not in output.getvalue()
    assert "north" in output.getvalue()


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for root in ("libs", "services", "deploy"):
        for path in sorted((ROOT / root).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in LEVELS
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in {"log", "logger"}
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_log_call_uses_only_keys_that_are_allowed():
    """INVARIANT: a reviewer reads one list. Broken by a key that is logged as `(withheld)`."""
    unknown = [
        f"{place} {keyword.arg}"
        for place, call in log_calls()
        for keyword in call.keywords
        if keyword.arg is not None and keyword.arg not in logs.ALLOWED | FREE
    ]
    assert not unknown


def test_every_log_call_has_a_static_name_and_nothing_else_by_position():
    """INVARIANT: no value in an event's name. Broken by `log.info("x %s", name)`."""
    wrong = [
        place
        for place, call in log_calls()
        if len(call.args) != 1
        or not (isinstance(call.args[0], ast.Constant) or place.startswith(DYNAMIC))
    ]
    assert not wrong


DYNAMIC = ("libs/common/common/consumer.py",)
"""Passes on one of its own two constant names."""


def test_the_tests_own_reading_of_the_source_finds_something():
    assert len(list(log_calls())) >= 8
