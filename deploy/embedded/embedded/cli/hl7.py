"""`referral-loop hl7`: a small MLLP tool. Sends, listens, shows and checks HL7 v2; needs no server of ours."""

import asyncio
import re
import ssl
from datetime import UTC, datetime
from itertools import count as count_from
from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import Invalid
from common.ids import new_id
from embedded.cli.options import AsJson
from embedded.cli.output import FAILED, PARTIAL, WRONG_USAGE, err, fail, out, show_json
from embedded.hl7 import files, printing, receiving, sending, tls
from embedded.hl7.receiving import Behaviour, Listener
from embedded.hl7.sending import Letter, Outcome, Pace, Target
from emr_bridge.formats.hl7v2.ack import control_id_of
from emr_bridge.formats.hl7v2.header import Header
from emr_bridge.formats.hl7v2.naming import lint, sheet
from emr_bridge.formats.hl7v2.reader import read

app = typer.Typer(no_args_is_help=True)

Files = Annotated[
    list[Path],
    typer.Argument(help="Files: a message each, many, a batch, or MLLP frames.", exists=True),
]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show people's data too.")]
Cert = Annotated[Path | None, typer.Option("--cert", help="Certificate to show (PEM).")]
Key = Annotated[Path | None, typer.Option("--key", help="Its key, unless CERT has it.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="Whose certificates are believed (PEM).")]

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@app.command(
    "send",
    epilog="Examples: `hl7 send ref.hl7 --to 127.0.0.1:2575` · "
    "`hl7 send *.hl7 --to emr:2576 --tls --ca ca.pem` · "
    "`hl7 send ref.hl7 --to host:2575 --count 1000 --pipeline 50 --set MSH-10=auto`",
)
def send(  # noqa: PLR0913 - one parameter per option
    paths: Files,
    to: Annotated[str, typer.Option("--to", help="HOST:PORT.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Send all of it so often.")] = 1,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.01, help="Messages a second.")
    ] = None,
    pipeline: Annotated[
        int, typer.Option("--pipeline", min=1, help="So many unanswered at a time.")
    ] = 1,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="PLACE=VALUE, such as MSH-10=auto, MSH-7=now, PID-5.1=ZZTEST."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait for an ACK.")] = 30.0,
    with_tls: Annotated[bool, typer.Option("--tls", help="Speak TLS (1.2 at least).")] = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Believe any certificate; for tests only.")
    ] = False,
    show_answers: Annotated[bool, typer.Option("--answers", help="Print the ACKs too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send messages and print each ACK with the time that it took.

    Leaves with 0 when all were accepted (AA, CA), 4 when some were not, 1 when none was.
    """
    where, wanted = _address(to), _changes(changes or [])
    letters = [
        Letter(str(path), files.changed(raw, wanted, control_id=_new_id(), now=datetime.now(UTC)))
        for _ in range(count)
        for path, raw in files.messages_in(paths)
    ]
    context = tls.client(ca, cert, key, verify=not insecure) if with_tls else None
    target = Target(*where, context)
    outcomes = _send(letters, target, Pace(pipeline, rate, answer_seconds=timeout), quiet=as_json)
    if as_json:
        show_json([printing.told(outcome, with_answer=show_answers) for outcome in outcomes])
    elif show_answers:
        for outcome in outcomes:
            out.print(printing.text_of(outcome.answer), markup=False, highlight=False)
    _leave(outcomes, len(letters), quiet=as_json)


@app.command(
    "listen",
    epilog="Examples: `hl7 listen 2600` · `hl7 listen 2600 --ack AE --error 103` · "
    "`hl7 listen 2600 --ack none --out received/`",
)
def listen(  # noqa: PLR0913 - one parameter per option
    port: Annotated[int, typer.Argument(min=0, max=65535, help="Port; 0 takes a free one.")],
    ack: Annotated[str, typer.Option("--ack", help=", ".join(receiving.ANSWERS) + ".")] = "AA",
    error: Annotated[int, typer.Option("--error", help="ERR-3 of a refusal.")] = 207,
    delay: Annotated[float, typer.Option("--delay", help="Seconds before the answer.")] = 0.0,
    folder: Annotated[Path | None, typer.Option("--out", help="Write each message here.")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many.")] = None,
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    cert: Cert = None,
    key: Key = None,
    ca: Ca = None,
    reveal: Reveal = False,
    as_json: AsJson = False,
) -> None:
    """Listen for messages, answer each as told, and tell of it. With --cert over TLS.

    With --json an object per line. Without --reveal only what says nothing of a person is shown; --out writes the whole message.
    """
    if ack not in receiving.ANSWERS:
        raise fail(f"--ack is one of {', '.join(receiving.ANSWERS)}", code=WRONG_USAGE)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    numbers = count_from(1)

    def take(raw: bytes, header: Header) -> None:
        number = next(numbers)
        name = UNSAFE.sub("_", header.control_id)[:60] or "unnamed"
        file = folder / f"{number:06d}-{name}.hl7" if folder else None
        if file:
            file.write_bytes(raw)
        printing.print_arrival(number, header, len(raw), ack, file, as_json=as_json)
        if reveal and not as_json:
            printing.print_sheet(raw, reveal=True)

    context = tls.server(cert, key, ca) if cert else None
    listener = Listener(Behaviour(ack, error, delay), take, count)
    try:
        asyncio.run(_listen(listener, host, port, context))
    except KeyboardInterrupt:
        raise typer.Exit from None
    except OSError as problem:
        raise fail(f"cannot listen on {host}:{port} ({problem.strerror})") from problem


@app.command("show", epilog="Example: `hl7 show ref.hl7`; people's data only with `--reveal`.")
def show(paths: Files, reveal: Reveal = False, as_json: AsJson = False) -> None:
    """Show messages as tables: each value with its place, its name and what a code means."""
    shown: list[dict[str, Any]] = []
    for path, raw in files.messages_in(paths):
        if as_json:
            lines = sheet(read(raw), reveal=reveal)
            shown.append(
                {"file": str(path), "segments": [printing.line_as_json(line) for line in lines]}
            )
        else:
            out.rule(str(path))
            printing.print_sheet(raw, reveal=reveal)
    if as_json:
        show_json(shown)


@app.command("lint", epilog="Example: `hl7 lint *.hl7 --json`.")
def lint_files(
    paths: Files,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what is odd about messages, by the standard's own tables. Values are never printed.

    Leaves with 1 when there is an error (with --strict: or a warning).
    """
    found = [(path, fault) for path, raw in files.messages_in(paths) for fault in lint(read(raw))]
    if as_json:
        show_json([{"file": str(path)} | printing.fault_as_json(fault) for path, fault in found])
    else:
        printing.print_faults(found)
    bad = {"error", "warning"} if strict else {"error"}
    if any(fault.severity in bad for _, fault in found):
        raise typer.Exit(FAILED)


def _send(letters: list[Letter], target: Target, pace: Pace, *, quiet: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if not quiet:
            printing.print_outcome(outcome)

    try:
        asyncio.run(sending.send_all(letters, target, pace, tell))
    except (OSError, TimeoutError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise fail(f"cannot connect to {target.host}:{target.port} ({why})") from error
    return outcomes


async def _listen(listener: Listener, host: str, port: int, context: ssl.SSLContext | None) -> None:
    running = asyncio.create_task(listener.run(host, port, context))
    ready = asyncio.create_task(listener.ready.wait())
    await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if not running.done():
        err.print(f"listening on {host}:{listener.port}", highlight=False)
    await running


def _leave(outcomes: list[Outcome], sent: int, *, quiet: bool) -> None:
    answered = [outcome for outcome in outcomes if outcome.source != sending.LATER]
    accepted = [outcome for outcome in answered if outcome.is_accepted]
    if not quiet and sent > 1:
        err.print(printing.summary(answered, accepted), highlight=False)
    if len(accepted) < sent:
        raise typer.Exit(PARTIAL if accepted else FAILED)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise fail("--to is HOST:PORT, such as 127.0.0.1:2575", code=WRONG_USAGE)
    return host.strip("[]"), int(port)


def _changes(texts: list[str]) -> list[files.Change]:
    try:
        return [files.change_of(text) for text in texts]
    except Invalid as error:
        raise fail(f"--set: {error}", code=WRONG_USAGE) from error


def _new_id() -> str:
    return control_id_of(new_id())
