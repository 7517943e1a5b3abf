"""How commands print: a table for people, JSON for programs, errors on stderr."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

out = Console()
err = Console(stderr=True)

FAILED = 1
NOTHING_TO_DO = 3


def show_json(value: Any) -> None:
    """Print a value as JSON, one document."""
    out.print_json(json.dumps(value, default=str))


def show_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(("" if cell is None else str(cell)) for cell in row))
    out.print(table)
