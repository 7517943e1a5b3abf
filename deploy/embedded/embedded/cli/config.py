"""`referral-loop config`: every setting and where it comes from. A secret is never shown."""

import os
import re
from typing import Annotated, Any

import typer
from dotenv import dotenv_values
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from common.setting_files import SUFFIX, surroundings
from common.unknown_settings import unknown
from embedded.cli.options import AsJson
from embedded.cli.output import hint, show_rows
from embedded.parts import NAMED_BY_US, SETTINGS

app = typer.Typer(no_args_is_help=True)

USER_INFO = re.compile(r"//[^/@\s]*@")
QUERY = re.compile(r"\?.*$")
WITHHELD = "(withheld)"


@app.command("print")
def print_all(
    redact: Annotated[
        bool, typer.Option("--redact", help="Withhold addresses, names and numbers that were set.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting as it holds now, and where it comes from. Secrets: only whether set."""
    rows = [row for part, kind in SETTINGS.items() for row in rows_of(part, kind, redact=redact)]
    show_rows("Settings", ("part", "name", "value", "source"), rows, as_json=as_json)
    for one in unknown(NAMED_BY_US):
        told = f"no setting is named {one.variable}"
        hint("; ".join(filter(None, (told, one.question))))


def rows_of(part: str, kind: type[BaseSettings], *, redact: bool) -> list[dict[str, Any]]:
    """Return the rows of one group of settings."""
    prefix, values = str(kind.model_config.get("env_prefix", "")), kind()
    rows: list[dict[str, Any]] = []
    for field in kind.model_fields:
        name, value = f"{prefix}{field}".upper(), getattr(values, field)
        source = source_of(name)
        is_withheld = redact and source != "default" and isinstance(value, str)
        told = WITHHELD if is_withheld else shown(value)
        rows.append({"part": part, "name": name, "value": told, "source": source})
    return rows


def source_of(name: str) -> str:
    """Return where a setting comes from; the environment goes before `.env`."""
    if (name + SUFFIX) in surroundings({"env_file": ".env"}):
        return "file"
    if name in {variable.upper() for variable in os.environ}:
        return "environment"
    in_file = {variable.upper() for variable in dotenv_values(".env")}
    return ".env" if name in in_file else "default"


def shown(value: Any) -> Any:
    """Return a value as it may be shown: no secret, no user and no parameter in an address."""
    if isinstance(value, SecretStr):
        return "(set)"
    if isinstance(value, str) and "://" in value:
        return QUERY.sub("?…", USER_INFO.sub("//…@", value))
    return value if isinstance(value, bool | int | float | None) else str(value)
