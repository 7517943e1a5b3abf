"""Puts the service together from settings and a runtime."""

import re

import simple_icd_10_cm

from common.service import Runtime, Service
from intake import consumers
from intake.api import create
from intake.handlers.desk import Desk
from intake.settings import Settings

CODE = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")


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
    )


def diagnosis_codes() -> frozenset[str]:
    """Return every ICD-10-CM code with its dot; chapters and ranges of the list are left out."""
    listed = simple_icd_10_cm.get_all_codes(with_dots=True)
    return frozenset(code for code in listed if CODE.fullmatch(code))
