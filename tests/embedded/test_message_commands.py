"""Messages by command: searched by their marks, read as a sheet, written to a file with a reason."""

import json
from pathlib import Path

import pytest
from tests.embedded.conftest import RUN, until
from tests.system.whole import free_port

from embedded.cli import app, messages
from embedded.cli.output import visible

SAMPLE = Path(__file__).parents[1] / "samples" / "hl7" / "ref_i12.hl7"
WHY = ("--reason", "ZZTEST asked for it")


@pytest.fixture(scope="module")
def message(running):
    """One that is refused, and kept all the same: it becomes nothing that others would find."""
    to = f"127.0.0.1:{running.mllp_port}"
    changes = ("--set", "MSH-10=ZZ-READ-1", "--set", "MSH-9.2=I99")
    sent = running.run("hl7", "send", str(SAMPLE), "--to", to, *changes, "--json")
    assert json.loads(sent.stdout)[0]["errors"] == ["201"]
    (found,) = running.told("messages", "list", "--control-id", "ZZ-READ-1")
    return found


@pytest.mark.parametrize("name", ["ZZHIS", "[/ZZ]", "[red]ZZ"])
def test_the_list_names_the_sender_as_the_message_does(running, name):
    """Also one that looks like mark-up: whoever sends chooses it, and every list holds it."""
    to, control_id = f"127.0.0.1:{running.mllp_port}", f"ZZ-{name}"
    changes = ("--set", f"MSH-3={name}", "--set", "MSH-4=ZZ", "--set", f"MSH-10={control_id}")
    assert running.run("hl7", "send", str(SAMPLE), "--to", to, *changes, "--json").exit_code in {
        0,
        1,
    }
    listed = running.run("messages", "list", "--control-id", control_id)
    assert (listed.exit_code, f"{name}|ZZ" in listed.stdout) == (0, True)
    (one,) = running.told("messages", "list", "--control-id", control_id)
    assert (one["sender"], one["direction"]) == (f"{name}|ZZ", "received")
    shown = running.run("messages", "show", one["id"])
    assert (shown.exit_code, control_id in shown.stdout) == (0, True)


def test_the_sender_of_what_we_send_is_us():
    assert messages.as_shown({"direction": "sent", "sender": None})["sender"] == "(us)"
    assert messages.as_shown({"direction": "received", "sender": None})["sender"] is None


def test_what_would_steer_a_terminal_is_shown_as_a_sign():
    assert visible("ZZ\x1b[31m|\u202eA\nB é") == "ZZ\ufffd[31m|\ufffdA\nB é"


def test_a_space_of_any_kind_and_a_tab_are_shown_as_plain_spaces():
    assert visible("Dr.\u00a0ZZ\u3000A\tB") == "Dr. ZZ A B"


def test_a_message_is_found_by_the_placers_and_by_the_patients_number(running, message):
    until(lambda: running.told("messages", "show", message["id"])["patient_hashes"])
    for words in (
        ("--placer", "RF1-7710"),
        ("--patient", "77"),
        ("--patient", "77", "--type", "REF^I99", "--direction", "received"),
        ("--since", "2020-01-01T00:00:00Z", "--control-id", "ZZ-READ-1"),
    ):
        found = running.told("messages", "list", *words)
        assert message["id"] in {one["id"] for one in found}, words
    assert running.told("messages", "list", "--placer", "nothing has this") == []
    both = running.run("messages", "list", "--placer", "1", "--patient", "2")
    assert both.exit_code == 2


def test_a_message_is_read_field_by_field_masked_unless_there_is_a_reason(running, message):
    masked = running.run("messages", "read", message["id"])
    assert (masked.exit_code, "ZZTEST" in masked.stdout) == (0, False)
    assert "Patient name" in masked.stdout
    unsaid = running.run("messages", "read", message["id"], "--reveal")
    assert (unsaid.exit_code, "--reason" in unsaid.stderr) == (2, True)
    shown = running.run("messages", "read", message["id"], "--reveal", *WHY)
    assert "ZZTEST" in shown.stdout
    assert running.told("messages", "read", message["id"])["revealed"] is False


def test_a_message_is_written_to_a_file_that_is_its_readers_alone(running, message, tmp_path):
    file = tmp_path / "message.hl7"
    told = running.told("messages", "raw", message["id"], "--to", str(file), *WHY)
    assert told["file"] == str(file)
    assert file.stat().st_mode & 0o077 == 0
    assert file.read_bytes().startswith(b"MSH|")
    assert b"ZZ-READ-1" in file.read_bytes()
    gone = running.run("messages", "raw", "0" * 32, "--to", str(file), *WHY)
    assert gone.exit_code == 1


@pytest.mark.parametrize("group", ["messages", "outbound"])
def test_a_service_that_does_not_answer_is_a_sentence_and_leaves_no_file(group, tmp_path):
    file = tmp_path / "message.hl7"
    nobody = ("--url", f"http://127.0.0.1:{free_port()}")
    asked = RUN.invoke(app, [group, "raw", "0" * 32, "--to", str(file), *WHY, *nobody])
    assert (asked.exit_code, file.exists()) == (1, False)
    assert "does not answer" in asked.stderr


@pytest.mark.parametrize(
    "words", [("messages", "show"), ("messages", "read"), ("outbound", "show")]
)
def test_a_control_id_in_place_of_an_id_is_told_how_the_id_is_found(words):
    asked = RUN.invoke(app, [*words, "ZZ-READ-1"], env={"COLUMNS": "300"})
    assert asked.exit_code == 2
    assert "a message's own id" in asked.stderr
    assert "messages list --control-id" in asked.stderr
