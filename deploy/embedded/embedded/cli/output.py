"""How commands print and end: a table for people, JSON for programs, errors on stderr."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)

FAILED = 1
WRONG_USAGE = 2
NOTHING_TO_DO = 3
PARTIAL = 4

WIDTH_OF_A_FILE = 160
ROOM_FOR_WHOLE_IDS = 120
"""So wide must a terminal be for ids in one piece, as they are copied; other columns fold."""

if not out.is_terminal:
    out = Console(width=WIDTH_OF_A_FILE)

UNSEEN = "\N{REPLACEMENT CHARACTER}"

Row = Mapping[str, Any]


def show_json(value: Any) -> None:
    """Print a value as JSON, one document."""
    typer.echo(json.dumps(value, default=str, indent=2))


def show_rows(title: str, columns: Sequence[str], rows: Sequence[Row], *, as_json: bool) -> None:
    """Print rows: every field as JSON, or the named columns as a table."""
    if as_json:
        show_json(list(rows))
        return
    table = Table(title=f"{title} ({len(rows)})", title_justify="left")
    for column in columns:
        is_whole = column in {"id", "control_id"} and out.width >= ROOM_FOR_WHOLE_IDS
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=is_whole)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    out.print(table)


def show_one(title: str, row: Row, *, as_json: bool) -> None:
    """Print one thing with all its fields."""
    if as_json:
        show_json(row)
        return
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in row.items():
        table.add_row(name.replace("_", " "), _cell(value))
    out.print(table)


def hint(told: str) -> None:
    """Tell on stderr what to see to; the command has done what it was asked for."""
    err.print(f"[yellow]note:[/yellow] {escape(told)}", highlight=False, soft_wrap=True)


def _cell(value: Any) -> Text:
    """Return a cell that shows what came from outside as it is: no mark-up, nothing that steers a terminal."""
    return Text(visible(plain(value)))


def visible(text: str) -> str:
    """Return a text with a sign in place of each character that would not be seen; any space is plain."""
    return "".join(map(_visible, text))


def _visible(sign: str) -> str:
    if sign.isprintable() or sign == "\n":
        return sign
    return " " if sign.isspace() else UNSEEN


def plain(value: Any) -> str:
    """Return a value as a table's cell: times to the second, lists and objects as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        is_flat = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return ", ".join(value) if is_flat else json.dumps(value, default=str)
    text = str(value)
    is_time = len(text) > 19 and text[4:5] == "-" and text[10:11] == "T"
    return f"{text[:19]}Z" if is_time else text


def fail(sentence: str, *, code: int = FAILED) -> typer.Exit:
    """Tell on stderr what is wrong; raise what is returned."""
    err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def write_message(to: Path, content: bytes, *, as_json: bool) -> None:
    """Write a message with a segment per line, for its owner's eyes only; say where it is."""
    to.touch(mode=0o600)
    to.write_bytes(content.replace(b"\r", b"\n"))
    if as_json:
        show_json({"file": str(to), "bytes": len(content)})
    else:
        out.print(f"{to}: {len(content)} bytes", highlight=False, markup=False)
