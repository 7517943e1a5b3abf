"""Fills the template of a notice from an event and the people it is about."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.runtime import Context

from common.events.people import ReferralCard
from common.events.referral import ReferralEvent
from notifications.domain.clinic import Clinic
from notifications.domain.notice import Notice
from notifications.domain.telling import PENDING, TOLD
from notifications.wording.text import addressee, one_line, plain
from notifications.wording.vocabulary import vocabulary

NAMES: Final = (*dict.fromkeys(telling.notice for telling in TOLD.values()), PENDING)
"""Every notice that there is; each has the template of its name."""


def _print(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("notifications"),
    undefined=StrictUndefined,
    finalize=_print,
    auto_reload=False,
    autoescape=False,  # noqa: S701 - plain text; what lays it out escapes for its own format
)
_ENVIRONMENT.globals["first_of"] = _ENVIRONMENT.select_template


def compose(
    event: ReferralEvent, card: ReferralCard, clinic: Clinic, *, name: str, now: datetime
) -> Notice:
    """Put an event into a clinic's words and its time zone.

    `name` is one of NAMES; a heartbeat is composed from the last change that it repeats.
    """
    parts = _render(name, vocabulary(event, card, clinic, name=name, now=now))
    return Notice(
        name=name,
        title=plain(parts["title"]),
        addressed_to=addressee(card.contact),
        clinic_name=plain(clinic.name),
        referral_code=event.code,
        patient=card.patient,
        medication=plain(card.medication) or "Not given yet",
        happened=plain(parts["happened"]),
        next_step=plain(parts["next_step"]),
        who_acts=plain(parts["who_acts"]),
        by_when=plain(parts["by_when"]) or None,
        items=_lines(parts["items"]),
        happened_at=now if name == PENDING else event.occurred_at,
    )


def _render(name: str, values: Mapping[str, Any]) -> dict[str, str]:
    template = _ENVIRONMENT.get_template(f"{name}.txt.j2")
    context = template.new_context(dict(values))
    # The beginning of a run finds the blocks of all that the template extends.
    next(iter(template.root_render_func(context)), None)
    return {block: _block(context, chain[0]) for block, chain in context.blocks.items()}


def _block(context: Context, render: Callable[[Context], Iterable[str]]) -> str:
    return "".join(render(context))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (plain(line) for line in text.splitlines())))
