"""The MLLP tool: what it reads from files, how it sends, listens, shows and checks."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
import trustme
from typer.testing import CliRunner

from common.errors import Invalid
from embedded.cli import app
from embedded.hl7 import files, tls
from embedded.hl7.receiving import Behaviour, Listener
from embedded.hl7.sending import Letter, Outcome, Pace, Target, send_all
from emr_bridge.formats.hl7v2.header import read_header

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HEAD = r"MSH|^~\&|EPIC|NORTH|LOOP|PHARM|20260302||REF^I12^REF_I12|{}|P|2.5.1"


def message(control_id="M-1"):
    lines = [HEAD.format(control_id), "PRD|RP", "PID|1||77^^^NORTH^MR||ZZTEST^Anna", ""]
    return "\r".join(lines).encode()


@asynccontextmanager
async def listening(behaviour=None, *, count=None, context=None):
    taken = []
    listener = Listener(behaviour or Behaviour(), lambda raw, _: taken.append(raw), count)
    task = asyncio.create_task(listener.run("127.0.0.1", 0, context))
    await listener.ready.wait()
    try:
        yield listener, taken
    finally:
        task.cancel()
        await asyncio.wait([task])


async def sent(port, *raws, pace=None, context=None):
    outcomes: list[Outcome] = []
    letters = [Letter("file", raw) for raw in raws]
    await send_all(letters, Target("127.0.0.1", port, context), pace or Pace(), outcomes.append)
    return outcomes


async def run(*arguments):
    return await asyncio.to_thread(CliRunner().invoke, app, ["hl7", *map(str, arguments)])


@pytest.fixture
def unused_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ref.hl7"
    path.write_bytes(message().replace(b"\r", b"\n"))
    return path


@pytest.mark.parametrize(
    "raw",
    [
        message("A") + message("B"),
        (message("A") + message("B")).replace(b"\r", b"\r\n"),
        b"\x0b" + message("A") + b"\x1c\r\x0b" + message("B") + b"\x1c\r",
        b"FHS|^~\\&\rBHS|^~\\&\r" + message("A") + message("B") + b"BTS|2\rFTS|1\r",
        b"\xef\xbb\xbf" + message("A") + b"\r\n" + message("B"),
    ],
)
def test_a_file_holds_messages_however_they_were_kept(raw):
    assert files.messages_of(raw) == [message("A"), message("B")]


def test_a_file_without_a_header_is_one_message_as_it_is():
    assert files.messages_of(b"hello\n") == [b"hello\r"]


def test_values_are_set_at_their_places():
    changes = [
        files.change_of(text) for text in ("MSH-10=auto", "MSH-7=now", "PID-5.2=A|B", "ZZZ-1=x")
    ]
    changes.append(files.change_of("PRD-3=far"))
    lines = files.changed(message(), changes, control_id="NEW", now=NOW).decode().split("\r")
    assert lines[0].split("|")[6:10] == ["20260302150000+0000", "", "REF^I12^REF_I12", "NEW"]
    assert lines[1:] == ["PRD|RP||far", r"PID|1||77^^^NORTH^MR||ZZTEST^A\F\B", ""]


@pytest.mark.parametrize("text", ["MSH-10", "msh-10=1", "MSH-2=^", "MSH=1", "PID-5.1.2=x"])
def test_a_place_that_is_none_is_refused(text):
    with pytest.raises(Invalid):
        files.change_of(text)


async def test_every_answer_finds_its_message_also_when_many_are_on_their_way():
    async with listening(Behaviour(delay_seconds=0.001)) as (listener, taken):
        raws = [message(f"M-{number}") for number in range(50)]
        outcomes = await sent(listener.port, *raws, pace=Pace(pipeline=10, rate=5000))
    assert taken == raws
    assert sorted(outcome.control_id for outcome in outcomes) == sorted(
        read_header(raw).control_id for raw in raws
    )
    assert all(outcome.is_accepted and outcome.problem is None for outcome in outcomes)


async def test_a_refusal_tells_its_codes_and_silence_is_told_as_such():
    async with listening(Behaviour("CE", 205)) as (listener, _):
        (refused,) = await sent(listener.port, message())
    assert (refused.code, refused.errors, refused.is_accepted) == ("CE", ("205",), False)
    async with listening(Behaviour("none")) as (listener, _):
        (silent,) = await sent(listener.port, message(), pace=Pace(answer_seconds=0.05))
    assert (silent.code, silent.problem) == (None, "no answer in time")


@pytest.mark.parametrize("error", [*range(100, 105), 198, 199, *range(200, 208), 999])
async def test_every_error_code_can_be_answered_also_one_that_the_table_does_not_have(error):
    async with listening(Behaviour("AE", error)) as (listener, _):
        (refused,) = await sent(listener.port, message())
    assert (refused.code, refused.errors, refused.problem) == ("AE", (str(error),), None)


async def test_a_connection_that_ends_is_told_for_each_message():
    async def hang_up(reader, writer):
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcomes = await sent(port, message("A"), message("B"), pace=Pace(pipeline=2, answer_seconds=5))
    server.close()
    assert [outcome.problem for outcome in outcomes] == ["the connection was closed"] * 2


async def test_a_peer_that_ended_before_the_message_was_sent_is_not_waited_for():
    async def turn_away(reader, writer):
        writer.write_eof()
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    slow = Pace(rate=20, answer_seconds=60)
    async with asyncio.timeout(20):
        outcomes = await sent(port, message("A"), message("B"), pace=slow)
    server.close()
    assert [outcome.problem for outcome in outcomes] == ["the connection was closed"] * 2


async def test_who_shows_no_certificate_where_one_is_asked_for_is_told_at_once(tmp_path):
    authority = trustme.CA()
    trusted, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    authority.cert_pem.write_to_path(trusted)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(key)
    async with listening(context=tls.server(key, None, trusted)) as (listener, taken):
        without = tls.client(trusted, None, None, verify=True)
        async with asyncio.timeout(20):
            (outcome,) = await sent(
                listener.port, message(), context=without, pace=Pace(answer_seconds=60)
            )
    assert (outcome.problem, taken) == ("the connection was closed", [])


async def test_an_answer_that_comes_after_its_message_was_answered_is_told_too():
    async def twice(reader, writer):
        await reader.read(1000)
        for code in (b"CA", b"AA"):
            writer.write(b"\x0bMSH|^~\\&\rMSA|" + code + b"|M-1\r\x1c\r")
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(twice, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcomes = await sent(port, message(), message("M-2"), pace=Pace(answer_seconds=0.05))
    server.close()
    await asyncio.sleep(0)
    assert [(outcome.source, outcome.code) for outcome in outcomes] == [
        ("file", "CA"),
        ("later", "AA"),
        ("file", None),
    ]


async def test_it_speaks_tls_and_shows_its_certificate(tmp_path):
    authority, mine = trustme.CA(), trustme.CA()
    trusted, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    authority.cert_pem.write_to_path(trusted)
    own = authority.issue_cert("127.0.0.1")
    own.private_key_and_cert_chain_pem.write_to_path(key)
    server = tls.server(key, None, trusted)
    async with listening(context=server) as (listener, _):
        context = tls.client(trusted, key, None, verify=True)
        (outcome,) = await sent(listener.port, message(), context=context)
        assert outcome.is_accepted
        stranger = tmp_path / "stranger.pem"
        mine.cert_pem.write_to_path(stranger)
        with pytest.raises(OSError, match="certificate verify failed"):
            await sent(
                listener.port, message(), context=tls.client(stranger, key, None, verify=True)
            )
    with pytest.raises(Invalid):
        tls.server(trusted, None, None)
    with pytest.raises(Invalid):
        tls.client(tmp_path / "none.pem", None, None, verify=True)


async def test_send_leaves_with_what_came_of_it(file):
    async with listening() as (listener, taken):
        to = f"127.0.0.1:{listener.port}"
        done = await run(
            "send", file, "--to", to, "--count", 3, "--set", "MSH-10=auto", "--answers"
        )
        assert done.exit_code == 0, done.output
        assert "3 accepted" in done.output
        assert len({read_header(raw).control_id for raw in taken}) == 3
        told = json.loads((await run("send", file, "--to", to, "--json")).output)
        assert (told[0]["code"], told[0]["control_id"]) == ("AA", "M-1")
    async with listening(Behaviour("AE")) as (listener, _):
        assert (await run("send", file, "--to", f"127.0.0.1:{listener.port}")).exit_code == 1
    nobody = await run("send", file, "--to", to)
    assert (nobody.exit_code, "cannot connect" in nobody.output) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("send", "FILE", "--to", "127.0.0.1"),
        ("send", "FILE", "--to", "127.0.0.1:70000"),
        ("send", "FILE", "--to", "127.0.0.1:2575", "--set", "MSH-10"),
        ("listen", "0", "--ack", "ZZ"),
    ],
    ids=" ".join,
)
async def test_words_that_cannot_be_meant_are_wrong_usage_and_nothing_is_sent(file, words):
    told = await run(*(file if word == "FILE" else word for word in words))
    assert (told.exit_code, told.stdout) == (2, "")
    assert next(word for word in words[::-1] if word.startswith("--")) in told.stderr


async def test_listen_writes_what_came_and_ends_after_enough(tmp_path, unused_port):
    folder = tmp_path / "in"
    listening = asyncio.create_task(
        run("listen", unused_port, "--count", 1, "--out", folder, "--ack", "CA", "--json")
    )
    outcomes: list[Outcome] = []
    async with asyncio.timeout(10):
        while not outcomes:
            with suppress(OSError):
                outcomes = await sent(unused_port, message("A/B"))
            await asyncio.sleep(0.02)
    done = await listening
    assert (done.exit_code, outcomes[0].code) == (0, "CA"), done.output
    assert "ZZTEST" not in done.output
    arrived = json.loads(next(line for line in done.output.splitlines() if line.startswith("{")))
    assert (arrived["control_id"], arrived["message_type"]) == ("A/B", "REF^I12")
    assert [path.name for path in folder.iterdir()] == ["000001-A_B.hl7"]
    assert next(folder.iterdir()).read_bytes() == message("A/B")


async def test_show_masks_people_unless_asked(file):
    masked = await run("show", file)
    assert (masked.exit_code, "ZZTEST" in masked.output) == (0, False)
    assert "Patient name" in masked.output
    assert "ZZTEST" in (await run("show", file, "--reveal")).output
    cells = json.loads((await run("show", file, "--json")).output)[0]["segments"][0]["cells"]
    assert cells[-1] == {
        "place": "MSH-12",
        "name": "Version id",
        "value": "2.5.1",
        "meaning": "Version 2.5.1",
        "is_masked": False,
    }


async def test_lint_leaves_with_1_for_an_error_and_never_prints_a_value(file, tmp_path):
    assert (await run("lint", file)).exit_code == 0
    bad = tmp_path / "bad.hl7"
    bad.write_bytes(
        message().replace(b"77^^^NORTH^MR", b"").replace(b"PRD|RP", b"PRD|RP|||||||ZZBAD")
    )
    found = await run("lint", bad)
    assert found.exit_code == 1
    assert "PID-3" in found.output
    told = await run("lint", bad, "--json")
    assert {fault["code"] for fault in json.loads(told.output)} >= {"field_missing", "data_type"}
    assert "ZZ" not in told.output
    odd = tmp_path / "odd.hl7"
    odd.write_bytes(message().replace(b"PRD|RP", b"PRD|RP\rQQQ|1"))
    assert (await run("lint", odd)).exit_code == 0
    assert (await run("lint", odd, "--strict")).exit_code == 1


async def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    done = await run("show", tmp_path / "none.hl7")
    assert done.exit_code == 2
