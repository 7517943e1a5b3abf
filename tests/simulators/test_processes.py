"""Each simulator as a process of its own: it starts, answers and stops when told."""

import asyncio
import signal
import sys
from contextlib import asynccontextmanager

import httpx2
import pytest

from simulators import emr
from simulators.loopback import listen, port_of


def free_port():
    with listen() as sock:
        return port_of(sock)


@asynccontextmanager
async def process(*arguments):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *map(str, arguments), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()


async def answer(url):
    async with httpx2.AsyncClient() as client:
        for _ in range(200):
            try:
                return await client.get(url)
            except httpx2.ConnectError:
                await asyncio.sleep(0.05)
    pytest.fail("the process did not answer within ten seconds")


async def test_the_fax_gateway_runs_as_a_process(tmp_path):
    port = free_port()
    async with process("simulators.fax_gateway", "--port", port, "--folder", tmp_path):
        assert "Fax simulator" in (await answer(f"http://127.0.0.1:{port}/")).text


async def test_the_webhook_receiver_runs_as_a_process():
    port = free_port()
    async with process("simulators.webhook_receiver", "--port", port):
        assert (await answer(f"http://127.0.0.1:{port}/_sim/events")).json() == []


async def test_the_emr_runs_as_a_process():
    port, control = free_port(), free_port()
    ports = ("--port", port, "--control-port", control)
    async with process("simulators.emr", "serve", *ports):
        shown = (await answer(f"http://127.0.0.1:{control}/_sim/messages")).json()
        async with emr.EmrClient("127.0.0.1", port) as client:
            assert b"MSA|AA|ZZ1" in await client.send(b"MSH|^~\\&|A|B|C|D|||ADT^A08|ZZ1|P|2.5.1\r")

    assert shown == {"listening": True, "duplicates": {}, "messages": []}


async def test_the_emr_sends_samples_as_a_process():
    async with emr.running() as server:
        command = ("simulators.emr", "send", "--port", server.port, "--kind", "RDE^O11")
        async with process(*command, "--count", 3) as child:
            assert await child.wait() == 0

    assert len({received.control_id for received in server.received}) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulators.fax_gateway", "--folder", ".", "--host", "0.0.0.0"),
        ("simulators.webhook_receiver", "--host", "0.0.0.0"),
        ("simulators.emr", "serve", "--host", "0.0.0.0"),
    ],
)
async def test_a_process_refuses_to_listen_beyond_loopback(arguments, tmp_path):
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await child.communicate()

    assert child.returncode != 0
    assert b"not a loopback address" in error
