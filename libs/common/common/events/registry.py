"""Every event type by name, and how a record's bytes become an event again."""

from collections.abc import Container, Iterator

from pydantic import ValidationError

from common.errors import SetAside
from common.events import clinic, emr, notification, referral
from common.events.envelope import Envelope, Event

TOPICS = ("referral.events", "clinic.events", "emr.events", "notification.events")


def _concrete(root: type[Event]) -> Iterator[type[Event]]:
    for child in root.__subclasses__():
        if "type" in vars(child):
            yield child
        yield from _concrete(child)


MODULES = (clinic, emr, notification, referral)
TYPES: dict[str, type[Event]] = {event.type: event for event in _concrete(Event)}


def read(
    value: bytes, *, only: Container[type[Event]] | None = None
) -> tuple[Envelope, Event | None]:
    """Return the envelope and the event in a record; no event where the type is not known here.

    With `only`, data of other types is not looked at. Raises SetAside when the bytes are no
    CloudEvent or the data does not fit its type: neither will be better at the next try.
    """
    try:
        envelope = Envelope.model_validate_json(value)
        known = TYPES.get(envelope.type)
        if known is None or (only is not None and known not in only):
            return envelope, None
        return envelope, known.model_validate(envelope.data)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
        raise SetAside("unreadable_event", f"not valid at: {', '.join(places)}") from error
