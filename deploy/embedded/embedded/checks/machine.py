"""The machine and its settings: keys, disk, clock, the event log, the MLLP ports."""

import asyncio
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from common.errors import Misconfigured, ReferralLoopError
from common.eventlog.open import open_log
from common.keys import keys_from
from common.settings import SharedSettings
from embedded.checks.finding import Finding
from embedded.places import databases, kept

LEAST_FREE = 0.15
PATIENCE_SECONDS = 5.0


def look(shared: SharedSettings, *, mllp: tuple[str, Mapping[str, int]]) -> Iterator[Finding]:
    """Look at everything that needs no service; `mllp` is the host and its ports by what they speak."""
    yield data_folder(shared)
    yield sealing_key(shared)
    yield disk(shared.data_dir)
    yield clock(shared)
    yield asyncio.run(event_log(shared))
    host, doors = mllp
    for spoken, port in doors.items():
        yield mllp_port(spoken, host, port)


def data_folder(shared: SharedSettings) -> Finding:
    """Find out whether a system has ever run on the files that the settings name."""
    folder, wanted = shared.data_dir.absolute(), list(kept(shared))
    if not wanted:
        return _ok("DATA_DIR", f"{folder}: nothing is kept there by these settings")
    if any(one.file.exists() for one in wanted):
        return _ok("DATA_DIR", str(folder))
    missing = ", ".join(one.what for one in wanted)
    told = f"nothing has run in {folder}: none of these is there: {missing}"
    todo = "set DATA_DIR to the folder that the system keeps its files in, or start it here"
    return _off("DATA_DIR", told, todo)


def sealing_key(shared: SharedSettings) -> Finding:
    """Find out whether the keys can be read, and by others too."""
    file = shared.key_file
    if file is not None:
        if not file.exists():
            return _no_key(shared, file)
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            return _off("sealing key", f"{file} can be read by others", f"chmod 600 {file}")
    try:
        keys = keys_from(shared)
        keys.sealer()
    except (Misconfigured, ReferralLoopError, ValueError) as error:
        return _off("sealing key", str(error), "set SEALING_KEYS to id:base64 of 32 bytes")
    if keys.coming:
        told = f"a rotation is not finished: {', '.join(keys.coming)} only opens"
        return _off("sealing key", told, "once every replica has it, take its `:opens` away")
    where = "SEALING_KEYS" if file is None else str(file)
    return _ok("sealing key", f"from {where}; keep a copy apart from the backups")


def _no_key(shared: SharedSettings, file: Path) -> Finding:
    """Tell a first start from a loss: a new key would open nothing of what is there."""
    if any(one.file.exists() for one in databases(shared)):
        told = f"the databases are there, and {file} is not"
        return _off("sealing key", told, "put its copy back before the next start")
    return _ok("sealing key", f"{file} is made at the first start")


def disk(folder: Path) -> Finding:
    """Find out how much room is left where embedded mode keeps its files."""
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    usage = shutil.disk_usage(there)
    told = f"{usage.free / usage.total:.0%} of the disk of {folder} is free"
    if usage.free / usage.total < LEAST_FREE:
        return _off("disk", told, "make room: nothing is acknowledged once the disk is full")
    return _ok("disk", told)


def clock(shared: SharedSettings) -> Finding:
    """Find out whether time runs as it should."""
    if shared.clock_speed != 1:
        told = f"the clock runs {shared.clock_speed:g} times too fast"
        return _off("clock speed", told, "unset CLOCK_SPEED: it is for demonstrations")
    return _ok("clock speed", "as it should be")


async def event_log(shared: SharedSettings) -> Finding:
    """Find out whether the event log answers."""
    file = shared.log_file
    if file is not None and not file.exists():
        return _ok("event log", f"{file} is made at the first start")
    kind = (shared.event_log_url or "sqlite").partition(":")[0]
    try:
        log = open_log(shared)
    except ReferralLoopError as error:
        return _off("event log", str(error), "correct EVENT_LOG_URL")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await log.ping()
    except (ReferralLoopError, TimeoutError, OSError) as error:
        told = f"{kind} does not answer ({type(error).__name__})"
        return _off("event log", told, "start it, or correct EVENT_LOG_URL and KAFKA_…")
    finally:
        await log.close()
    return _ok("event log", f"{kind} answers")


def mllp_port(spoken: str, host: str, port: int) -> Finding:
    """Find out whether an EMR could connect."""
    check, named = f"{spoken} port", "_TLS_PORT" if spoken.endswith("TLS") else "_PORT"
    try:
        with socket.create_connection((host, port), timeout=PATIENCE_SECONDS):
            return _ok(check, f"{host}:{port} takes connections")
    except OSError as error:
        told = f"{host}:{port} takes no connection ({type(error).__name__})"
        return _off(check, told, f"start emr-bridge, or correct EMR_BRIDGE_MLLP_HOST and {named}")


def _ok(check: str, told: str) -> Finding:
    return Finding("here", check, told)


def _off(check: str, told: str, todo: str) -> Finding:
    return Finding("here", check, told, todo)
