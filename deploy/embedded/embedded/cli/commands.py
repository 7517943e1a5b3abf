"""Every command by its name: where it is, and what is said of it. Only the one that is called is loaded."""

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from common import logs
from common.errors import ReferralLoopError
from embedded.cli import late
from embedded.cli.output import fail

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": (
        "run:serve",
        "Run all services in this process, on SQLite, until Ctrl-C; then drain and stop.",
    ),
    "migrate": ("run:migrate", "Bring the databases to their newest revision."),
    "lag": (
        "lag:lag",
        "Print for each group and topic how many records it has not handled yet.",
    ),
    "doctor": ("doctor:doctor", "Look at everything; exit 4 when something is off."),
    "demo": (
        "run:demo",
        "Show the whole loop on synthetic clinics; exit 0 only if every promise was kept.",
    ),
    "clinics": ("clinics:app", "Clinics: import from a file, list, show."),
    "config": ("config:app", "The settings."),
    "dead-letters": (
        "deadletters:app",
        "Records that were set aside. Asks each service's database by its setting.",
    ),
    "deliveries": ("deliveries:app", "Deliveries: list, show, send again."),
    "events": ("events:app", "The event topics."),
    "hl7": (
        "hl7:app",
        "HL7 v2 by hand: send, listen, show, lint. Works with any MLLP peer, not only with ours.",
    ),
    "links": ("links:app", "Links to EMRs: list, show, resume."),
    "messages": (
        "messages:app",
        "Messages that EMRs sent or are sent: list, show, read, raw.",
    ),
    "outbound": (
        "outbound:app",
        "Messages to EMRs: list, show, and for a parked one raw, edit, replay, give-up.",
    ),
    "promises": ("promises:app", "Promises: what is owed, and whether it was kept."),
    "reviews": ("people:reviews", "Reviews: submissions that a person must place."),
    "simulate": ("simulate:app", "Stand-ins for the outside, on loopback."),
    "tasks": ("people:tasks", "Tasks: what a person must do."),
    "topics": ("topics:app", "Topics of the cluster: apply the declaration, list."),
}
"""Name: module below `embedded.cli` and what is to be had of it, and the line in the overview."""


class NotLoaded(TyperCommand):
    """A command of which only name and help are known until it is called, or completed."""

    def __init__(self, name: str, where: str, told: str) -> None:
        """Take its place as `module:attribute`, and what is said of it."""
        super().__init__(name, help=told)
        self._module, _, self._attribute = where.partition(":")
        self._called, self._told = name, told

    @cached_property
    def real(self) -> Any:
        """The command itself, or the group of commands."""
        found = getattr(import_module(f"embedded.cli.{self._module}"), self._attribute)
        one = typer.Typer(add_completion=False)
        if isinstance(found, typer.Typer):
            one.add_typer(found, name=self._called, help=self._told)
        else:
            one.command(self._called)(found)
        return typer.main.get_group(one).commands[self._called]

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Let the command itself read the rest of the line; it is the context's from here on."""
        return self.real.make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """The outermost command: an expected failure of any command is a sentence, not a traceback."""

    def __init__(self, **given: Any) -> None:
        """Take what typer gives, and the table."""
        super().__init__(**given)
        for name, (where, told) in COMMANDS.items():
            self.add_command(NotLoaded(name, where, told))

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for; what it logs goes to stderr, and `serve` says more."""
        logs.configure(level="warning", form="console")
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise  # of typer's own, which says what is wrong with a line itself
        except ReferralLoopError as error:
            raise fail(str(error)) from error
        except Exception as error:
            told = late.failures.sentence(error)
            if told is None:
                raise
            raise fail(told) from error
