"""The settings: can each be read, and can what they name (tracing, certificates) be used."""

import ssl
from collections.abc import Callable, Iterator

from pydantic import ValidationError
from pydantic_settings import BaseSettings

import emr_bridge.settings
from common.errors import Misconfigured
from common.settings import TracingSettings
from common.tracing_otlp import is_wanted
from common.unknown_settings import unknown
from embedded.checks.finding import Finding
from embedded.parts import NAMED_BY_US, SETTINGS
from emr_bridge.app import bindings_of, certificates_of, outbound_tls

UNREADABLE = "settings"
NAMES = "names of settings"

RECEIVING = (
    "correct EMR_BRIDGE_MLLP_HOST and EMR_BRIDGE_MLLP_TLS_CERTIFICATE, _KEY, _CLIENT_AUTHORITY"
)
SENDING = "correct EMR_BRIDGE_SENDING_TLS_CERTIFICATE, _KEY, _TRUSTED"


def unreadable() -> Iterator[tuple[str, str]]:
    """Yield each variable that cannot be read, and why; never its value."""
    for kind in SETTINGS.values():
        try:
            kind()
        except ValidationError as error:
            for fault in error.errors(include_input=False):
                yield variable(kind, ".".join(map(str, fault["loc"]))), fault["msg"]
        except Misconfigured as error:
            name, _, why = str(error).partition(": ")
            yield name, why


def variable(kind: type[BaseSettings], field: str) -> str:
    """Return the name under which a setting stands in the environment."""
    return f"{kind.model_config.get('env_prefix', '')}{field}".upper()


def look() -> Iterator[Finding]:
    """Look at every setting; what cannot be read hides what it names."""
    mistyped, faults = list(_mistyped()), list(unreadable())
    yield from mistyped
    for name, why in faults:
        yield Finding("here", UNREADABLE, f"{name}: {why}", f"correct {name}")
    if not faults:
        yield Finding("here", UNREADABLE, "all can be read")
        if not mistyped:
            yield Finding("here", NAMES, "each variable is one")
        yield from _usable()


def _mistyped() -> Iterator[Finding]:
    for one in unknown(NAMED_BY_US):
        todo = one.question or "take it away: it changes nothing"
        yield Finding("here", NAMES, f"no setting is named {one.variable}", todo)


def _usable() -> Iterator[Finding]:
    bridge = emr_bridge.settings.Settings()
    yield _tried("tracing", lambda: is_wanted(TracingSettings()), "correct OTEL_…")
    yield _tried("MLLP and TLS", lambda: bindings_of(bridge, certificates_of(bridge)), RECEIVING)
    yield _tried("TLS towards EMRs", lambda: outbound_tls(bridge), SENDING)


def _tried(check: str, use: Callable[[], object], todo: str) -> Finding:
    try:
        use()
    except Misconfigured as error:
        return Finding("here", check, str(error), todo)
    except (OSError, ssl.SSLError) as error:
        return Finding("here", check, error.strerror or type(error).__name__, todo)
    return Finding("here", check, "can be used as set")
