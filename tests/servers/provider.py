"""Where the real servers of the tests come from: the first provider that can, and why the others could not."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

import pytest

Server = TypeVar("Server")


class Unavailable(Exception):
    """A provider cannot give a server here; the text says why, in a line."""


@dataclass(frozen=True)
class Provider(Generic[Server]):
    """One way to a server."""

    name: str
    start: Callable[[], Server]


@dataclass
class Report:
    """What became of each attempt, for the end of the run."""

    lines: list[str] = field(default_factory=list)


def first_of(what: str, providers: Sequence[Provider[Server]], report: Report) -> Server:
    """Start the first that can; without any the test fails in CI and is skipped, loudly, elsewhere."""
    fell_through: list[str] = []
    for provider in providers:
        began = time.monotonic()
        try:
            server = provider.start()
        except Unavailable as reason:
            fell_through.append(f"not {provider.name}: {reason}")
            continue
        took = f"{provider.name}, there after {time.monotonic() - began:.1f} s"
        report.lines.append("; ".join([f"{what}: {took}", *fell_through]))
        return server
    report.lines.append("; ".join([f"{what}: NONE", *fell_through]))
    return could_not_run(report.lines[-1])


def could_not_run(reason: str) -> NoReturn:
    """Fail in CI, where every server must be there; skip elsewhere."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(process: subprocess.Popen[bytes], port: int, seconds: float) -> None:
    """Return when somebody listens; Unavailable when the process ended or the time is over."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise Unavailable(f"it did not listen within {seconds:.0f} s (exit code {process.poll()})")


def end_with_parent() -> None:
    """Run in the child: have the kernel end it when the tests are killed (Linux; elsewhere it stays).

    The kernel means the thread that started it: start from the main thread, no other lives as long.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], *, by: signal.Signals, seconds: float = 10) -> None:
    """Signal a process that we started and wait; kill it when it stays."""
    if process.poll() is None:
        process.send_signal(by)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
