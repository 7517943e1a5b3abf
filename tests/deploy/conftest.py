"""What the files below `deploy/` may name, read from the code that they deploy."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import emr_bridge.settings
import intake.settings
import notifications.settings
from common.settings import ServiceSettings, SharedSettings, TracingSettings

ROOT = Path(__file__).parents[2]

OWN: Mapping[str, type[ServiceSettings]] = {
    "intake": intake.settings.Settings,
    "emr-bridge": emr_bridge.settings.Settings,
    "notifications": notifications.settings.Settings,
}


@pytest.fixture(scope="session")
def settings_of() -> Mapping[str, frozenset[str]]:
    """For each service the environment variables that it reads; misspelt ones change nothing."""
    everyones = (SharedSettings, TracingSettings)
    shared = {name.upper() for kind in everyones for name in kind.model_fields}
    return {
        service: frozenset(
            shared | {f"{own.model_config['env_prefix']}{n}".upper() for n in own.model_fields}
        )
        for service, own in OWN.items()
    }


@pytest.fixture(scope="session")
def ports() -> Mapping[str, int]:
    """For each service the port of its API."""
    return {service: own.model_fields["port"].default for service, own in OWN.items()}
