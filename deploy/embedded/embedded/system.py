"""All three services as one system: each with its own database, one log between them, one HTTP port."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import emr_bridge.app
import emr_bridge.settings
import intake.app
import intake.settings
import notifications.app
import notifications.settings
from common import runner
from common.auth import BearerToken, check_exposure
from common.clock import Clock
from common.errors import Misconfigured
from common.eventlog.open import open_log
from common.service import Service
from common.settings import SharedSettings
from embedded.root import root_api
from embedded.settings import Settings

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Overrides:
    """Settings that go before the environment's: for the demonstration and for tests."""

    intake: Values = field(default_factory=dict)
    emr_bridge: Values = field(default_factory=dict)
    notifications: Values = field(default_factory=dict)
    embedded: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class System:
    """The composed system, not started yet."""

    services: Sequence[Service]
    api: FastAPI
    settings: Settings
    mllp: Mapping[str, str]
    """Where EMRs send, by what is spoken there."""
    data_dir: Path

    @property
    def url(self) -> str:
        """Where the APIs answer."""
        return f"http://{self.settings.host}:{self.settings.port}"

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Serve until told to stop."""
        await runner.run(
            self.services,
            self.api,
            host=self.settings.host,
            port=self.settings.port,
            migrate=True,
            stop=stop,
        )

    @asynccontextmanager
    async def opened(self, *, migrate: bool = True) -> AsyncGenerator["System"]:
        """Open the databases and the log without serving: for commands."""
        async with runner.opened(self.services, migrate=migrate):
            yield self

    def where_to_look(self) -> list[str]:
        """Return lines for a person who has just started it."""
        return [
            f"overview            {self.url}/",
            *(f"{s.name + ' API':19} {self.url}/{s.name}/docs" for s in self.services),
            *(f"{spoken:19} {place}" for spoken, place in self.mllp.items()),
            f"event topics        DATA_DIR={self.data_dir} .venv/bin/referral-loop events tail",
        ]


ALONE: Mapping[str, Callable[..., Service]] = {
    "intake": intake.app.build,
    "emr-bridge": emr_bridge.app.build_alone,
    "notifications": notifications.app.build,
}
"""What builds each service where it is a process of its own."""


def of_name(services: Sequence[Service], name: str | None) -> Sequence[Service]:
    """Return the service of that name, or all; Misconfigured for a name that none has."""
    found = [service for service in services if name in {None, service.name}]
    if not found:
        raise Misconfigured(f"there is no service {name}: {', '.join(ALONE)}")
    return found


def compose(
    overrides: Overrides,
    *,
    shared: SharedSettings | None = None,
    clock: Clock | None = None,
    reads_apart: bool = False,
) -> System:
    """Build the three services on the embedded defaults; nothing is started.

    With `reads_apart` emr-bridge reads messages in a process that has its settings from the
    environment: not where others or another clock are given here. It is left out where its clock,
    which runs faster from when it began, would not be ours.
    """
    shared = shared or SharedSettings()
    log = open_log(shared)
    reads_apart = reads_apart and (shared.clock_speed == 1 or shared.clock_began is not None)

    def build(name: str, make: Callable[..., Service], settings: Any) -> Service:
        opened = runner.open_runtime(name, settings, shared, clock=clock, log=log)
        return make(settings, opened)

    bridge = emr_bridge.settings.Settings(**overrides.emr_bridge)
    services = (
        build("intake", intake.app.build, intake.settings.Settings(**overrides.intake)),
        build("emr-bridge", partial(emr_bridge.app.build, reads_apart=reads_apart), bridge),
        build(
            "notifications",
            notifications.app.build,
            notifications.settings.Settings(**overrides.notifications),
        ),
    )
    settings = Settings(**overrides.embedded)
    check_exposure(settings.host, settings.api_token)
    api = root_api(services)
    if settings.api_token:
        api.add_middleware(BearerToken, token=settings.api_token, service="embedded")
    mllp = {spoken: f"{bridge.mllp_host}:{port}" for spoken, port in bridge.mllp_doors.items()}
    return System(services, api, settings, mllp, shared.data_dir)
