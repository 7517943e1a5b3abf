"""Runs the demonstration: stand-ins, system, story, table, and a verdict as the exit code."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Generator, Sequence
from datetime import timedelta
from pathlib import Path
from string import Template

import httpx2
from rich.console import Console
from rich.live import Live

from common import logs
from common.clock import Clock, accelerated, utc_now
from common.settings import SharedSettings
from embedded.clinic_file import body_of, read_clinics
from embedded.demo import board, story
from embedded.demo.board import Update
from embedded.demo.desk import Desk, StoryBroken
from embedded.demo.outside import Outside, overrides, standing_in
from embedded.demo.story import REFERRALS, Stage
from embedded.system import System, compose

SETTLE_SECONDS = 90.0
"""Real seconds that the last updates may take after the story's end."""

USUAL = "http://127.0.0.1:8000"
LINKS = 2
"""How many EMR links the clinics bring; a message before its link is known waits for a person."""

WIDTH_OF_A_FILE = 132
out = Console()
if not out.is_terminal:
    out = Console(width=WIDTH_OF_A_FILE)


def run(folder: Path, *, speed: float, stay: bool) -> int:
    """Play the demonstration in a folder that is emptied first; return the exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "printed.log").open("w") as printed:
        logs.configure(level="info", form="json", stream=printed)
        try:
            return asyncio.run(_play(folder, speed=speed, stay=stay))
        except StoryBroken as error:
            out.print(f"[red]the story broke:[/red] {error}", highlight=False)
            return 1


async def _play(folder: Path, *, speed: float, stay: bool) -> int:
    clock = accelerated(speed, utc_now() - timedelta(hours=4))
    async with standing_in(folder) as outside, _serving(folder, outside, clock) as system:
        stage = await _stage(system, outside, clock, speed)
        await _import_clinics(stage.desk, outside)
        told = await _watch(stage)
        referrals = (await stage.desk.read("/intake/v1/referrals?limit=100"))["items"]
        verdict = _verdict(told, len(referrals), outside)
        _say_where_to_look(folder, referrals[-1]["id"])
        for line in verdict:
            out.print(f"[red]✗ {line}[/red]")
        if stay:
            out.print("Serving until Ctrl-C.")
            await asyncio.Event().wait()
    if not verdict:
        out.print("[green]✓ every promise was kept, and every update was confirmed once[/green]")
    return 1 if verdict else 0


@contextlib.asynccontextmanager
async def _serving(folder: Path, outside: Outside, clock: Clock) -> AsyncGenerator[System]:
    shared = SharedSettings(data_dir=folder, event_log_url=None)
    system = compose(overrides(outside, folder), shared=shared, clock=clock)
    stop = asyncio.Event()
    running = asyncio.create_task(system.run(stop))
    try:
        await _until_ready(system, running)
        yield system
    finally:
        stop.set()
        await running


async def _until_ready(system: System, running: asyncio.Task[None]) -> None:
    async with httpx2.AsyncClient() as http:
        while not running.done():
            with contextlib.suppress(httpx2.TransportError):
                if (await http.get(f"{system.url}/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)
    await running


async def _stage(system: System, outside: Outside, clock: Clock, speed: float) -> Stage:
    http = httpx2.AsyncClient(base_url=system.url, timeout=30)
    host, _, port = system.mllp["MLLP"].partition(":")
    return Stage(
        desk=Desk(http, clock, speed),
        mllp=(host, int(port)),
        lakeside=outside.lakeside,
        pine=outside.pine,
        harbor_hook=outside.harbor_hook,
        tell=lambda line: out.print(f"[dim]{clock():%H:%M}[/dim] {line}", highlight=False),
    )


async def _import_clinics(desk: Desk, outside: Outside) -> None:
    text = Path(__file__).with_name("clinics.yaml").read_text()
    names = {
        "LAKESIDE_PORT": str(outside.lakeside.port),
        "PINE_PORT": str(outside.pine.port),
        "HARBOR_URL": outside.harbor_hook.url,
        "PINE_URL": outside.pine_hook.url,
        "WEBHOOK_SECRET": outside.harbor_hook.secret,
    }
    for clinic in read_clinics(Template(text).substitute(names)):
        path = f"/intake/v1/clinics/{clinic['id']}"
        response = await desk.http.put(path, json=body_of(clinic))
        if response.is_error:
            raise StoryBroken(f"{path}: {response.status_code} {response.text}")
    while len((await desk.read("/emr-bridge/v1/links"))["items"]) < LINKS:  # noqa: ASYNC110 - asked by HTTP
        await asyncio.sleep(0.1)


async def _watch(stage: Stage) -> list[Update]:
    """Play the story and draw the table until every update is settled."""
    playing = asyncio.create_task(story.play(stage))
    deadline: float | None = None
    loop = asyncio.get_running_loop()
    told: list[Update] = []
    with _live() as live:
        while True:
            if playing.done() and deadline is None:
                playing.result()
                deadline = loop.time() + SETTLE_SECONDS
            told = await board.updates(stage.desk)
            if live is not None:
                live.update(board.table(told, now=stage.desk.now()))
            settled = bool(told) and all(update.settled for update in told)
            if deadline is not None and (settled or loop.time() > deadline):
                break
            await asyncio.sleep(0.5)
    if live is None:
        out.print(board.table(told, now=stage.desk.now()))
    return told


@contextlib.contextmanager
def _live() -> Generator[Live | None]:
    if not out.is_terminal:
        yield None
        return
    with Live(console=out, refresh_per_second=4, vertical_overflow="visible") as live:
        yield live


def _verdict(told: Sequence[Update], referrals: int, outside: Outside) -> list[str]:
    """Return what is not as it should be."""
    faults = [
        f"{u.notice['clinic_id']} {u.notice['name']}: promise {u.promise['state']}"
        for u in told
        if u.promise and u.promise["state"] != "kept"
    ]
    faults += [
        f"{u.notice['clinic_id']} {u.notice['name']}: not confirmed" for u in told if not u.settled
    ]
    if referrals != REFERRALS:
        faults.append(f"{referrals} referrals instead of {REFERRALS}")
    doubled = outside.lakeside.duplicates() | outside.pine.duplicates()
    if doubled:
        faults.append(f"EMRs got messages twice: {sorted(doubled)}")
    return faults


def _say_where_to_look(folder: Path, referral: str) -> None:
    out.print("\n[bold]Where to look[/bold]")
    out.print(f"  the fax pages      {folder / 'faxes'}/  (PDF and PNG)")
    out.print(f"  the event topics   DATA_DIR={folder} .venv/bin/referral-loop events tail")
    out.print(f"  the APIs and data  make run DATA={folder}   then")
    out.print(f"    timeline         {USUAL}/intake/v1/referrals/{referral}/timeline")
    out.print(f"    API docs         {USUAL}/intake/docs  {USUAL}/notifications/docs")
    out.print(f"  what was logged    {folder / 'printed.log'}\n", highlight=False)
