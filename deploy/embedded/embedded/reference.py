"""The generated files: event schemas, OpenAPI documents, settings, the state machine.

`python -m embedded.reference` writes them; with `--check` it names those that are out of date and leaves with 1.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.events import schemas
from common.events.registry import TYPES
from common.settings import SharedSettings
from embedded import asyncapi, hl7_page, hl7_sent
from embedded.parts import SETTINGS
from embedded.system import Overrides, compose
from intake.domain import diagram
from intake.domain.commands import FROM
from intake.domain.prior_authorization import NEXT_ACTOR, PaState
from intake.domain.referral import WAITS, Status


def generated() -> Iterator[tuple[str, str]]:
    """Yield every generated file: its path below `docs/reference` and its text."""
    yield "settings.md", settings_page()
    yield "state-machine.md", machine_page()
    yield "events.md", events_page()
    yield "hl7v2.md", hl7_page.page()
    yield "hl7v2-sent.md", hl7_sent.page()
    yield "asyncapi.yaml", asyncapi.page()
    with tempfile.TemporaryDirectory() as folder:
        shared = SharedSettings(data_dir=Path(folder))
        for service in compose(Overrides(), shared=shared).services:
            document = json.dumps(service.api.openapi(), indent=1, ensure_ascii=False)
            yield f"openapi/{service.name}.json", document + "\n"


def settings_page() -> str:
    """Return the page of all settings."""
    lines = [
        "# Settings",
        "",
        "Read once from the environment (or `.env`) when a process starts. Instead of any `NAME` the",
        "variable `NAME_FILE` may name a file that holds the value, as secrets are mounted. A variable that",
        "looks like one of these and is none is named at the start (`unknown_setting` in the log) and by",
        "`referral-loop doctor`. Generated.",
    ]
    for title, settings in SETTINGS.items():
        prefix = settings.model_config.get("env_prefix", "")
        lines += ["", f"## {title}", "", "| name | default | meaning |", "|---|---|---|"]
        for name, field in settings.model_fields.items():
            default = "" if field.default is None else f"`{field.default}`"
            meaning = (field.description or "").replace("|", "\\|")
            lines.append(f"| `{(prefix + name).upper()}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def machine_page() -> str:
    """Return the page with both tables of allowed moves."""
    return (
        "# State machine\n\nGenerated from the tables in `services/intake/intake/domain/`.\n\n"
        f"## Referral\n\n```mermaid\n{diagram.referral()}```\n\n"
        f"{_statuses()}\n"
        f"## Prior authorization\n\n```mermaid\n{diagram.prior_authorization()}```\n\n{_pa_states()}"
    )


def _statuses() -> str:
    lines = ["| status | who must act | commands that it takes |", "|---|---|---|"]
    for status in Status:
        taken = ", ".join(f"`{command}`" for command, where in FROM.items() if status in where)
        lines.append(f"| `{status}` | {WAITS[status]} | {taken or 'none: an end'} |")
    lines.append("")
    lines.append(
        "In `prior_authorization` its state decides who must act; a refusal (409) names what is"
    )
    lines.append(
        "allowed now, because some commands ask for more (an open authorization blocks a date)."
    )
    return "\n".join(lines) + "\n"


def _pa_states() -> str:
    lines = ["| state | who must act |", "|---|---|"]
    lines += [f"| `{state}` | {NEXT_ACTOR[state]} |" for state in PaState]
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Return the page that lists every event."""
    lines = ["# Events", "", "Generated. Sealed fields are encrypted; see ADR 0010.", ""]
    lines += ["| type | topic | sealed | meaning |", "|---|---|---|---|"]
    for name, event in sorted(TYPES.items()):
        sealed = event.seals.__name__ if event.seals else ""
        meaning = (event.__doc__ or "").splitlines()[0].replace("|", "\\|")
        lines.append(f"| `{name}` | `{event.topic}` | {sealed} | {meaning} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str], folder: Path = Path("docs/reference")) -> int:
    """Write or check; return the exit code."""
    stale = _schemas(write="--check" not in arguments)
    for name, text in generated():
        path = folder / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if "--check" in arguments and stale:
        sys.stderr.write(f"out of date, run `make docs`: {', '.join(stale)}\n")
        return 1
    return 0


def _schemas(*, write: bool) -> list[str]:
    if write:
        schemas.write()
        return []
    return schemas.outdated()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
