"""What a `kafka://` URL and its secrets say, as values. Knows no client and connects to nothing."""

import ssl
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from common.errors import Misconfigured

DEFAULT_PORT = 9092


class KafkaSettings(BaseModel):
    """How to reach a cluster and how patient to be; every field but servers, secrets and the replica's name is a URL parameter."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    servers: tuple[str, ...] = Field(min_length=1)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    key_password: SecretStr | None = None
    group_instance_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """A name that this replica keeps over restarts: back within `session_seconds`, it has its partitions again."""
    prefix: str = Field(default="", pattern=r"^[a-z0-9.-]*$")
    """Put before every topic and group, so that several systems can share one cluster."""
    enable_idempotence: bool = True
    """Off only for brokers that lack it (Tansu): then a repeat after an outage may change the order."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """How long an append or a question to the cluster may take."""
    session_seconds: float = Field(default=10.0, gt=0)
    """How long a member may be silent before its partitions go to the others."""
    drain_seconds: float = Field(default=20.0, gt=0)
    """How long a member that gives partitions away waits for the records in its hands."""
    fetch_wait_seconds: float = Field(default=0.5, gt=0)
    """How long the broker holds back an empty answer; less only for brokers that poll (Tansu)."""

    @property
    def uses_sasl(self) -> bool:
        """Whether a user name and password are shown."""
        return self.security_protocol.startswith("SASL")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return a context that checks the broker's certificate and name; None without TLS."""
        if not self.uses_tls:
            return None
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile is not None:
            password = self.key_password.get_secret_value() if self.key_password else None
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, password)
        return context


def read_settings(
    url: str,
    *,
    username: str | None = None,
    password: SecretStr | None = None,
    key_password: SecretStr | None = None,
    group_instance_id: str | None = None,
) -> KafkaSettings:
    """Return what `kafka://host:port,host:port?name=value` says; Misconfigured names what is wrong in it.

    Secrets come beside the URL, never in it: URLs are printed.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise Misconfigured("EVENT_LOG_URL holds a user or password: use KAFKA_USERNAME and so on")
    if parts.path.strip("/") or parts.fragment:
        raise Misconfigured("EVENT_LOG_URL: nothing but ?name=value may follow the Kafka servers")
    given: dict[str, Any] = dict(parse_qsl(parts.query))
    for name in ("servers", "username", "password", "key_password", "group_instance_id"):
        if name in given:
            raise Misconfigured(f"EVENT_LOG_URL may not hold `{name}`")
    servers = tuple(_with_port(server) for server in parts.netloc.split(",") if server)
    beside = {"username": username, "password": password, "key_password": key_password}
    beside["group_instance_id"] = group_instance_id
    try:
        settings = KafkaSettings(servers=servers, **given, **beside)
    except ValidationError as error:
        wrong = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
        raise Misconfigured(f"EVENT_LOG_URL: not usable: {', '.join(wrong)}") from None
    if settings.uses_sasl and (username is None or password is None):
        raise Misconfigured("Kafka by SASL needs KAFKA_USERNAME and KAFKA_PASSWORD")
    return settings


def _with_port(server: str) -> str:
    return server if ":" in server else f"{server}:{DEFAULT_PORT}"
