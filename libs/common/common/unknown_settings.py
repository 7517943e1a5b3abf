"""Variables that look like settings of ours, and that no setting has: as a rule one is mistyped.

Goes by names. Of values it knows only how Kubernetes writes an address; it tells none.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import structlog
from pydantic_settings import BaseSettings

from common.setting_files import SUFFIX, surroundings

log = structlog.get_logger()

INJECTED = re.compile(
    r"_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
"""What Kubernetes puts into every pod for a Service, which may be named as one of ours is."""

ADDRESS = re.compile(r"(tcp|udp|sctp)://")
"""So begins what it puts into the Service's NAME_PORT, where ours would have a number."""

LIKE_OURS = 0.6
"""How near a name must be to be proposed, for a variable that has our prefix."""

MISTYPED = 0.9
"""How near a variable must be to one of ours where its prefix is another: only the prefix is wrong."""

SHARED_MISTYPED = 0.9
"""How near to a setting that has no prefix, with the same first word: others have such words too."""

ADDRESS_OF_DATABASE = "DATABASE_URL"
PASSWORD_OF_ROLE = "DATABASE_PASSWORD"  # noqa: S105 - a variable's name
"""For whoever makes a service's role (deploy/postgres): it stands beside the settings, in the address."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A variable that no setting has, and the setting that may be meant."""

    variable: str
    nearest: str | None

    @property
    def question(self) -> str | None:
        """What to ask whoever set it, if we can guess."""
        return f"is {self.nearest} meant?" if self.nearest else None


def warn(kinds: Iterable[type[BaseSettings]]) -> None:
    """Log each of them; for the start of a process."""
    for one in unknown(kinds):
        log.warning("unknown_setting", variable=one.variable, nearest=one.nearest)


def unknown(kinds: Iterable[type[BaseSettings]]) -> Iterator[Unknown]:
    """Yield what the environment and `.env` set in vain, by name; `kinds` is all that is read."""
    known = Known(kinds)
    for variable, value in sorted(surroundings({"env_file": ".env"}).items()):
        name = variable.removesuffix(SUFFIX)
        if {variable, name} & known.names or known.is_password_of_role(variable):
            continue
        if is_injected(variable, value):
            continue
        suffix = variable.removeprefix(name)
        nearest = known.nearest(name)
        if nearest or known.is_ours(name):
            yield Unknown(variable, nearest and f"{nearest}{suffix}")


def is_injected(variable: str, value: str) -> bool:
    """Return whether Kubernetes set a variable, for a Service whose name is like ours."""
    is_address = variable.endswith("_PORT") and ADDRESS.match(value) is not None
    return is_address or INJECTED.search(variable) is not None


class Known:
    """The names of settings: those with a prefix, which only we have, and those that all share."""

    def __init__(self, kinds: Iterable[type[BaseSettings]]) -> None:
        """Take the classes of settings that the process reads."""
        named = [(str(kind.model_config.get("env_prefix", "")), kind) for kind in kinds]
        self._own = {prefix: _names(prefix, kind) for prefix, kind in named if prefix}
        self._shared = _names("", *(kind for prefix, kind in named if not prefix))
        self.names = self._shared.union(*self._own.values())

    def is_ours(self, name: str) -> bool:
        """Return whether nobody else would name a variable so."""
        return name.startswith(tuple(self._own))

    def is_password_of_role(self, variable: str) -> bool:
        """Return whether the database server reads it, to make the role of a service of ours."""
        prefix = variable.removesuffix(PASSWORD_OF_ROLE)
        return prefix != variable and f"{prefix}{ADDRESS_OF_DATABASE}" in self.names

    def nearest(self, name: str) -> str | None:
        """Return the setting that is meant, as far as can be told."""
        for prefix in filter(name.startswith, self._own):
            fields = [own.removeprefix(prefix) for own in self._own[prefix]]
            found = _nearest(name.removeprefix(prefix), fields, LIKE_OURS)
            return found and f"{prefix}{found}"
        first = name.partition("_")[0] + "_"
        alike = {shared for shared in self._shared if shared.startswith(first)}
        own = self.names - self._shared
        return _nearest(name, alike, SHARED_MISTYPED) or _nearest(name, own, MISTYPED)


def _names(prefix: str, *kinds: type[BaseSettings]) -> frozenset[str]:
    return frozenset(f"{prefix}{field}".upper() for kind in kinds for field in kind.model_fields)


def _nearest(name: str, names: Iterable[str], alike: float) -> str | None:
    return next(iter(get_close_matches(name, sorted(names), n=1, cutoff=alike)), None)
