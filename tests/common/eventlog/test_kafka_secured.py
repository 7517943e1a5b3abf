"""The log behind TLS and SASL, on Apache Kafka with a certificate of the test's own."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr
from tests.common.eventlog.contract import new, read_all, take, values
from tests.servers import kafka as kafkas
from tests.servers.kafka import KafkaServer
from tests.servers.provider import Provider, Report, first_of

from common.errors import Misconfigured, Retry
from common.eventlog.kafka import KafkaEventLog, open_kafka
from common.eventlog.kafka_settings import read_settings
from common.eventlog.topics import Topic, apply
from common.http import create_api, readiness
from common.service import Runtime

USER, PASSWORD = "loop", "zztest-password"
SCRAM = [f"{kind}=[name={USER},password={PASSWORD}]" for kind in ("SCRAM-SHA-512", "SCRAM-SHA-256")]
LOGIN = "org.apache.kafka.common.security"
PROPERTIES = f"""
listeners=SECURED://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=SECURED://127.0.0.1:{{port}}
listener.security.protocol.map=SECURED:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SECURED
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location={{folder}}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={{folder}}/ca.pem
listener.name.secured.plain.sasl.jaas.config={LOGIN}.plain.PlainLoginModule required \
username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";
listener.name.secured.scram-sha-256.sasl.jaas.config={LOGIN}.scram.ScramLoginModule required;
listener.name.secured.scram-sha-512.sasl.jaas.config={LOGIN}.scram.ScramLoginModule required;
"""


@dataclasses.dataclass
class Secured:
    """A broker that asks who is there, and the CA that its certificate comes from."""

    server: KafkaServer
    ca: Path
    other_ca: Path

    def log(self, **given: str) -> KafkaEventLog:
        """Open the log as the settings would; `given` replaces parameters and the password."""
        url, secrets = self.told(**given)
        return open_kafka(url, **secrets)

    def told(self, *, password: str = PASSWORD, **given: str) -> tuple[str, dict[str, Any]]:
        parameters = {"security_protocol": "SASL_SSL", "ssl_cafile": str(self.ca)} | given
        url = self.server.url(timeout_seconds="5", **parameters)
        return url, {"username": USER, "password": SecretStr(password)}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Generator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    ca, other = trustme.CA(), trustme.CA()
    for name, one in (("ca.pem", ca), ("other.pem", other)):
        one.cert_pem.write_to_path(folder / name)
    (folder / "broker.pem").write_bytes(key_and_certificate(ca.issue_cert("127.0.0.1")))
    more = PROPERTIES.replace("{folder}", str(folder))
    apache = Provider("Apache Kafka with TLS", lambda: kafkas.from_apache(more=more, scram=SCRAM))
    server = first_of("Kafka with TLS and SASL", [apache], Report())
    yield Secured(server, folder / "ca.pem", folder / "other.pem")
    server.close()


def key_and_certificate(leaf: trustme.LeafCert) -> bytes:
    """Return what Kafka reads: the key in PKCS#8, and the chain."""
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    told = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return told + b"".join(one.bytes() for one in leaf.cert_chain_pems)


@pytest.fixture
async def topic(secured: Secured) -> str:
    prefix = "secured."
    url, secrets = secured.told(prefix=prefix)
    await apply(read_settings(url, **secrets), [Topic("t", 1, 1, {})])
    return prefix


@pytest.fixture(autouse=True)
async def goodbyes() -> AsyncGenerator[None]:
    """Give TLS the moment that it takes to close: aiokafka does not wait for it, and the loop is gone."""
    yield
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_records_come_and_go_over_tls_with_each_mechanism(secured, topic, mechanism):
    log = secured.log(sasl_mechanism=mechanism, prefix=topic)
    await log.ping()
    await log.append([new("k", mechanism)])
    async with log.subscribe(["t"], group=mechanism.lower()) as subscription:
        (first,) = await take(subscription, 1)
        await subscription.commit([first])
    assert mechanism in values(await read_all(log))
    await log.close()


async def test_a_broker_with_a_certificate_of_an_unknown_ca_is_refused(secured):
    """INVARIANT: patients' data goes to nobody who cannot show who he is."""
    log = secured.log(ssl_cafile=str(secured.other_ca))
    with pytest.raises(Misconfigured, match=r"the certificate of .* is refused: unable to get"):
        await log.ping()
    with pytest.raises(Retry):
        await log.append([new("k", "1")])
    await log.close()


async def test_a_broker_under_another_name_is_refused(secured):
    log = secured.log()
    log._settings = log._settings.model_copy(
        update={"servers": (f"localhost:{secured.server.bootstrap.rpartition(':')[2]}",)}
    )
    with pytest.raises(Misconfigured, match="is refused: Hostname mismatch"):
        await log.ping()
    await log.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_said_to_be_one_and_is_not_told(secured, mechanism):
    log = secured.log(sasl_mechanism=mechanism, password="zztest-wrong")
    with pytest.raises(Misconfigured, match="refuses KAFKA_USERNAME") as told:
        await log.ping()
    assert "zztest" not in str(told.value)
    await log.close()


async def test_readyz_gives_the_reason(secured, runtime: Runtime):
    log = secured.log(password="zztest-wrong")
    api = create_api("s", title="s", description="", runtime=dataclasses.replace(runtime, log=log))
    told = await readiness(api)
    assert told["checks"]["event_log"] == "Misconfigured"
    assert "refuses KAFKA_USERNAME" in told["reasons"]["event_log"]
    await log.close()


async def test_a_broker_that_wants_tls_and_is_spoken_to_without_does_not_answer(secured):
    log = open_kafka(secured.server.url(timeout_seconds="2"))
    with pytest.raises(Retry):
        await log.ping()
    await log.close()
