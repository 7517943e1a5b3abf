"""The fixtures `kafka` and `postgresql`: one server each per run, started by the first test that asks."""

import os
from collections.abc import Generator

import pytest
from tests.servers import kafka as kafkas
from tests.servers import postgresql as postgresqls
from tests.servers.clones import Clones
from tests.servers.kafka import KafkaServer
from tests.servers.postgresql import PostgresServer
from tests.servers.provider import Report, first_of

REPORT = pytest.StashKey[Report]()
CHOICE = "TEST_SERVERS"
"""`TEST_SERVERS=tansu` tries only the providers whose name holds the word: to see that one at work."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()


def pytest_report_header() -> str:
    kafka = " | ".join(provider.name for provider in kafkas.PROVIDERS)
    postgresql = " | ".join(provider.name for provider in postgresqls.PROVIDERS)
    return f"servers, the first that can: {kafka}\n  {postgresql}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lines = config.stash[REPORT].lines
    if lines:
        terminalreporter.section("servers")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Generator[KafkaServer]:
    """A broker. Tests keep apart by a prefix of topics."""
    word = os.environ.get(CHOICE, "").lower()
    providers = [p for p in kafkas.PROVIDERS if word in p.name.lower()]
    server = first_of("Kafka", providers, pytestconfig.stash[REPORT])
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgresql(pytestconfig: pytest.Config) -> Generator[PostgresServer]:
    """A database server. Tests keep apart by databases: `postgresql_url` gives a fresh one."""
    server = first_of("PostgreSQL", postgresqls.PROVIDERS, pytestconfig.stash[REPORT])
    yield server
    server.close()


@pytest.fixture
async def postgresql_url(postgresql: PostgresServer) -> str:
    """The URL of an empty database."""
    return await empty_database(postgresql)


async def empty_database(server: PostgresServer) -> str:
    """Make a database and return its URL. It goes with the server; one of TEST_POSTGRESQL_URL keeps it."""
    return await Clones(server).empty()
