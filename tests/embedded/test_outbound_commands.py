"""Links and messages to EMRs by command, against emr-bridge's API with a message that is parked."""

import asyncio
import json

import pytest
import structlog
import uvicorn
from tests.embedded.conftest import RUN
from tests.emr_bridge.sending import ask, emr_server, go, linked, sending, states
from tests.system.whole import free_port

from embedded.cli import app
from emr_bridge.api import create
from emr_bridge.store.tables import metadata
from simulators.emr import reject

WHY = ("--reason", "the interface team mended the filter", "--by", "ops:r.smith")


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)


@pytest.fixture
async def emr():
    async with emr_server() as server:
        yield server


@pytest.fixture
async def sender(runtime):
    async with sending(runtime) as made:
        yield made


@pytest.fixture
async def command(runtime):
    """Run a command that asks this API; None is returned where it says nothing."""
    port = free_port()
    config = uvicorn.Config(create.api(runtime), port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)

    async def run(*words, fails=False):
        given = [str(word) for word in words] + ["--url", f"http://127.0.0.1:{port}"]
        result = await asyncio.to_thread(RUN.invoke, app, given)
        structlog.reset_defaults()  # a command logs to a stream that ends with it
        assert (result.exit_code != 0) == fails, result.output
        return result

    yield run
    server.should_exit = True
    await serving


@pytest.fixture
async def parked(runtime, emr, sender, command):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    await ask(runtime)
    await go(sender)
    (item,) = json.loads((await command("outbound", "list", "--json")).stdout)
    return item


async def test_links_are_listed_shown_and_resumed(command, parked):
    (link,) = json.loads((await command("links", "list", "--json")).stdout)
    assert (link["state"], link["parked"], link["last_answer"]) == ("up", 1, "AE 101")
    assert "AE 101" in (await command("links", "show", link["id"])).stdout
    resumed = await command("links", "resume", link["id"], *WHY, "--json")
    assert json.loads(resumed.stdout)["circuit"] == "closed"
    await command("links", "resume", "nobody/nothing", *WHY, fails=True)


async def test_a_parked_message_is_shown_without_what_it_says(command, parked):
    assert "AE 101" in (await command("outbound", "list")).stdout
    shown = await command("outbound", "show", parked["id"])
    assert "Attempts" in shown.stdout
    assert "ZZTEST" not in shown.stdout
    everything = json.loads((await command("outbound", "list", "--state", "all", "--json")).stdout)
    assert [one["id"] for one in everything] == [parked["id"]]


async def test_it_is_replayed_or_given_up_with_a_reason(command, parked, sender, runtime, emr):
    await command("outbound", "replay", parked["id"], fails=True)
    replayed = await command("outbound", "replay", parked["id"], *WHY, "--json")
    assert json.loads(replayed.stdout)["state"] == "waiting"
    await emr.follow(reject("AE", error="101"))
    await go(sender)
    await command("outbound", "give-up", parked["id"], *WHY)
    assert await states(runtime) == ["refused"]


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
async def test_it_is_written_to_a_file_edited_and_sent(
    command, parked, sender, emr, tmp_path, charset
):
    file = tmp_path / "message.hl7"
    await command("outbound", "raw", parked["id"], "--to", file)
    assert file.stat().st_mode & 0o077 == 0
    text = file.read_text().replace("ZZTEST^Anna", "ZZTEST^Ren\u00e9e")
    file.write_bytes(text.encode(charset))
    edited = await command("outbound", "edit", parked["id"], "--from", file, *WHY)
    assert "Before it was edited" in edited.stdout
    await go(sender)
    assert "ZZTEST^Ren\u00e9e".encode() in emr.received[-1].message
    await command("outbound", "raw", "0" * 32, "--to", file, fails=True)
