"""One JSON Schema per event type, generated from the classes: `python -m common.events.schemas write|check`.

A schema tells of the whole CloudEvent with the data of its type; unknown fields are allowed everywhere,
because readers pass over them.
"""

import json
import sys
from pathlib import Path
from typing import Any

from common.events.envelope import SCHEMA_ROOT, Envelope, Event
from common.events.registry import TYPES

FOLDER = Path(__file__).parent.parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema of a record's value that carries this event."""
    data = event.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions = data.pop("$defs", {})
    envelope = Envelope.model_json_schema(mode="serialization")
    address = f"{SCHEMA_ROOT}{event.type}.json"
    constants = {"type": event.type, "source": event.source, "dataschema": address}
    properties = envelope["properties"] | {k: {"const": v} for k, v in constants.items()}
    always = {"specversion", "id", "datacontenttype"}
    return {
        "$schema": DIALECT,
        "$id": address,
        "title": event.__name__,
        "description": (event.__doc__ or "").strip(),
        "type": "object",
        "properties": properties | {"data": data},
        "required": sorted({*envelope["required"], *always}),
        "x-topic": event.topic,
        "x-sealed": event.seals.__name__ if event.seals else None,
        "$defs": definitions,
    }


def files() -> dict[Path, str]:
    """Return every schema file as it should be."""
    return {
        FOLDER / f"{name}.json": json.dumps(schema_of(event), indent=2, ensure_ascii=False) + "\n"
        for name, event in sorted(TYPES.items())
    }


def outdated() -> list[str]:
    """Return the names of the files that are missing, different, or of no type any more."""
    wanted = files()
    there = {path: path.read_text() for path in FOLDER.glob("*.json")}
    return sorted(
        path.name for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path)
    )


def write() -> None:
    """Write what is new or different; a type that went away loses its file."""
    FOLDER.mkdir(exist_ok=True)
    wanted = files()
    for path in set(FOLDER.glob("*.json")) - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)


def main(arguments: list[str]) -> None:
    """Write the files, or exit with the names of those that are not current."""
    if arguments == ["write"]:
        write()
    elif arguments == ["check"]:
        if names := outdated():
            sys.exit(f"not current, run `make schemas`: {', '.join(names)}")
    else:
        sys.exit("usage: python -m common.events.schemas write|check")


if __name__ == "__main__":
    main(sys.argv[1:])
