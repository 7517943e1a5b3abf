"""How the tool shows outcomes, messages and faults: for people in colours, for programs as values."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from embedded.cli.output import out, visible
from embedded.hl7.sending import Outcome
from emr_bridge.formats.hl7v2.header import Header
from emr_bridge.formats.hl7v2.naming import Cell, Fault, Line, sheet
from emr_bridge.formats.hl7v2.reader import read

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}

WIDTHS = {"place": 12, "name": 48, "value": 24, "meaning": 20}
"""So that the tables of a message's segments stand below each other."""


def print_outcome(outcome: Outcome) -> None:
    """Print one outcome on a line."""
    colour = "green" if outcome.is_accepted else "red"
    said = outcome.code or outcome.problem or ""
    codes = f"  ERR {' '.join(outcome.errors)}" if outcome.errors else ""
    out.print(f"{said:<4}", style=colour, end="", markup=False, highlight=False)
    line = f" {outcome.control_id}  {outcome.milliseconds:.1f} ms  {outcome.source}{codes}"
    out.print(visible(line), markup=False, highlight=False)


def summary(answered: Sequence[Outcome], accepted: Sequence[Outcome]) -> str:
    """Return how many were accepted, and how long that took."""
    times = sorted(outcome.milliseconds for outcome in answered if outcome.code)
    if not times:
        return f"{len(answered)} sent, none answered"
    middle, late = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    return (
        f"{len(answered)} sent, {len(accepted)} accepted; {middle:.1f} ms median, {late:.1f} ms p99"
    )


def print_sheet(raw: bytes, *, reveal: bool) -> None:
    """Print a message, a table per segment."""
    for line in sheet(read(raw), reveal=reveal):
        print_line(line)


def print_line(line: Line) -> None:
    """Print one segment as a table."""
    title = escape(visible(f"{line.segment}  {line.title}"))
    table = Table(title=title, title_justify="left", box=None)
    for column, width in WIDTHS.items():
        table.add_column(column, overflow="fold", min_width=width)
    for cell in line.cells:
        table.add_row(cell.place, Text(cell.name), _shown(cell), Text(cell.meaning or ""))
    out.print(table)


def _shown(cell: Cell) -> Text:
    return Text(visible(cell.value), style="dim" if cell.is_masked else "bold")


def print_faults(found: Sequence[tuple[Path, Fault]]) -> None:
    """Print faults, worst in red; never a value."""
    for path, fault in found:
        out.print(fault.severity, style=COLOURS[fault.severity], end="", highlight=False)
        said = f"  {path}  {fault.place}  {fault.code}: {fault.text}"
        out.print(said, markup=False, highlight=False, soft_wrap=True)
    if not found:
        out.print("nothing odd")


def print_arrival(
    number: int, header: Header, size: int, answer: str, file: Path | None, *, as_json: bool
) -> None:
    """Print that a message came: its type and control id, never what it says."""
    name = str(file) if file else None
    if as_json:
        values = {"number": number, "message_type": header.message_type, "file": name}
        values |= {"control_id": header.control_id, "size": size, "answer": answer}
        typer.echo(json.dumps(values))
        return
    said = f"{number}  {header.message_type}  {header.control_id}  {size} bytes  {answer}"
    out.print(visible(f"{said}  {name or ''}").rstrip(), markup=False, highlight=False)


def told(outcome: Outcome, *, with_answer: bool) -> dict[str, Any]:
    """Return an outcome in values that JSON knows."""
    values: dict[str, Any] = {
        "file": outcome.source,
        "control_id": outcome.control_id,
        "code": outcome.code,
        "errors": list(outcome.errors),
        "milliseconds": round(outcome.milliseconds, 3),
        "problem": outcome.problem,
    }
    return values | ({"answer": text_of(outcome.answer)} if with_answer else {})


def line_as_json(line: Line) -> dict[str, Any]:
    """Return a segment in values that JSON knows."""
    cells = [{name: getattr(cell, name) for name in Cell.__slots__} for cell in line.cells]
    return {"segment": line.segment, "title": line.title, "cells": cells}


def fault_as_json(fault: Fault) -> dict[str, Any]:
    """Return a fault in values that JSON knows."""
    return {name: getattr(fault, name) for name in Fault.__slots__}


def text_of(raw: bytes) -> str:
    """Return a message's bytes as lines of text."""
    return raw.decode("utf-8", errors="replace").replace("\r", "\n")
