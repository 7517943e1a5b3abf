"""Makes one full and one minimal event of a type, the same at every run, and freezes those that are missing.

`.venv/bin/python -m tests.common.events.sampling` writes a sample for each type that has none. It never
changes one: a sample that cannot be read any more tells that the version has to rise.
"""

import datetime as dt
import json
import types
import uuid
from decimal import Decimal
from enum import EnumMeta
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from common.events.envelope import Envelope, Event
from common.events.registry import TYPES
from common.sealing import Sealed

FULL = Path(__file__).with_name("samples")
MINIMAL = FULL / "minimal"
NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
RECORDED = NOON + dt.timedelta(seconds=1)

PLAIN: dict[Any, Any] = {
    str: "text",
    int: 1,
    float: 1.5,
    bool: True,
    Decimal: Decimal("1.50"),
    uuid.UUID: uuid.UUID("01955555-0000-7000-8000-000000000001"),
    dt.datetime: NOON,
    AwareDatetime: NOON,
    dt.date: NOON.date(),
    dt.time: dt.time(8, 30),
    dt.timedelta: dt.timedelta(hours=1),
    Sealed: Sealed(key_id="sample-1", nonce="AAAAAAAAAAAAAAAA", ciphertext="c2VhbGVk"),
}


def value_of(annotation: Any) -> Any:
    """A value that fits; of a choice the first."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin in {Union, types.UnionType}:
        return value_of(next(a for a in arguments if a is not type(None)))
    if origin is tuple:
        return (value_of(arguments[0]),)
    if origin is dict:
        return {value_of(arguments[0]): value_of(arguments[1])}
    if isinstance(annotation, EnumMeta):
        return next(iter(annotation))
    return sample(annotation, full=True)


def sample(model: type[BaseModel], *, full: bool) -> Any:
    """The model with every field set, or with those only that it cannot do without."""
    fields = {n: f for n, f in model.model_fields.items() if full or f.is_required()}
    return model(**{name: value_of(field.annotation) for name, field in fields.items()})


def envelope_of(event: Event) -> dict[str, Any]:
    envelope = Envelope.of(event, now=RECORDED)
    fixed = envelope.model_copy(update={"id": uuid.uuid5(uuid.NAMESPACE_URL, event.type)})
    told: dict[str, Any] = json.loads(fixed.to_bytes())
    return told


def freeze() -> None:
    MINIMAL.mkdir(parents=True, exist_ok=True)
    for name, event in TYPES.items():
        for folder, full in ((FULL, True), (MINIMAL, False)):
            path = folder / f"{name}.json"
            if not path.exists():
                told = json.dumps(envelope_of(sample(event, full=full)), indent=2)
                path.write_text(told + "\n")


if __name__ == "__main__":
    freeze()
