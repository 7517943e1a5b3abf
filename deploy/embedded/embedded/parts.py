"""The parts of the system, and the settings of each. Knows no part's code."""

from collections.abc import Mapping

import emr_bridge.settings
import intake.settings
import notifications.settings
from common.setting_files import FiledSettings
from common.settings import ServiceSettings, SharedSettings, TracingSettings
from embedded.settings import Settings

SERVICES: Mapping[str, type[ServiceSettings]] = {
    "intake": intake.settings.Settings,
    "emr-bridge": emr_bridge.settings.Settings,
    "notifications": notifications.settings.Settings,
}

SETTINGS: Mapping[str, type[FiledSettings]] = {
    "All services": SharedSettings,
    "Traces": TracingSettings,
    "Embedded mode": Settings,
    **SERVICES,
}
"""Every setting there is, by the part that reads it."""

NAMED_BY_US = tuple(kind for kind in SETTINGS.values() if kind is not TracingSettings)
"""Those of which we know every name; OpenTelemetry has more than we list."""
