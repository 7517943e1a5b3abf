"""The service as the runner gets it."""

from common.events.registry import TOPICS
from intake.app import build, diagnosis_codes
from intake.settings import Settings
from intake.store.tables import metadata


async def test_the_service_is_built_from_its_defaults(runtime_of):
    runtime = await runtime_of(metadata)
    service = build(Settings(), runtime)
    assert (service.name, service.migrations) == ("intake", "intake.migrations")
    assert set(service.topics) <= set(TOPICS)
    assert service.handlers


def test_the_diagnosis_codes_are_codes_and_no_chapters():
    codes = diagnosis_codes()
    assert {"M05.79", "I10", "L40.0", "K50.90"} <= codes
    assert not {"1", "A00-A09", "M0579"} & codes
