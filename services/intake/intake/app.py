"""Puts the service together from settings and a runtime."""

import re
from importlib.metadata import distribution

from common import gauges
from common.errors import Misconfigured
from common.service import Runtime, Service
from intake import consumers
from intake.api import create
from intake.domain.findings import icd10cm
from intake.handlers.desk import Desk
from intake.settings import Settings
from intake.store import gauges as own_gauges

CODE = re.compile(r"[A-Z][0-9][0-9A-Z]{1,5}")
"""A code as the list has it, without its dot; chapters and ranges look otherwise."""


def build(settings: Settings, runtime: Runtime) -> Service:  # noqa: ARG001 - one shape for all services
    """Return the service."""
    desk = Desk(runtime.sealer, diagnosis_codes())
    return Service(
        name="intake",
        api=create.api(runtime, desk),
        runtime=runtime,
        migrations="intake.migrations",
        handlers=consumers.handlers(desk),
        topics=consumers.TOPICS,
        gauges=[gauges.of_tables(runtime.db, runtime.clock, [own_gauges.ask])],
    )


def diagnosis_codes() -> frozenset[str]:
    """Return every ICD-10-CM code with its dot, from the list that simple-icd-10-cm ships.

    The library itself is not imported: it builds a tree of 180 MB, and only existence is asked for.
    """
    shipped = distribution("simple-icd-10-cm").files or ()
    texts = [path.read_text() for path in shipped if path.match("code-list-*.txt")]
    listed = [line.strip() for text in texts for line in text.splitlines()]
    codes = frozenset(icd10cm(code) for code in listed if CODE.fullmatch(code))
    if not codes:
        raise Misconfigured("simple-icd-10-cm ships no list of codes")
    return codes
