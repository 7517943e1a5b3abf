"""Settings that all services share, and the base of each service's own. Every default works embedded."""

from pathlib import Path

from pydantic import AwareDatetime, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.setting_files import FiledSettings


class SharedSettings(FiledSettings):
    """What the whole system shares; read once, passed on as values."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    data_dir: Path = Field(default=Path("var"), description="Where embedded mode keeps its files.")
    event_log_url: str | None = Field(
        default=None,
        description="`sqlite:///path` (default: events.db in DATA_DIR) or `kafka://host:port,…?name=value`.",
    )
    kafka_username: str | None = Field(default=None, description="SASL user, not for the URL.")
    kafka_password: SecretStr | None = Field(default=None, description="SASL password.")
    kafka_key_password: SecretStr | None = Field(
        default=None, description="Password of the client key that `ssl_keyfile` in the URL names."
    )
    kafka_group_instance_id: str | None = Field(
        default=None,
        description="A name of this replica that is the same after a restart and no other replica's (a "
        "StatefulSet's pod name): then a restart within `session_seconds` moves no partitions.",
    )
    sealing_keys: SecretStr | None = Field(
        default=None,
        description="`id:base64` or `id:base64:opens` entries, 32 bytes each, newest first: the first without "
        "`opens` seals, all open, the last makes the blind index; embedded mode makes one in DATA_DIR.",
    )
    clock_speed: float = Field(default=1.0, gt=0, description="Above 1 only for demonstrations.")
    clock_began: AwareDatetime | None = Field(
        default=None,
        description="When a fast clock showed the true time, so that it goes on after a restart.",
    )
    log_format: str = Field(
        default="console", pattern="^(console|json)$", description="console or json."
    )
    log_level: str = Field(
        default="info",
        pattern="^(debug|info|warning|error)$",
        description="debug, info, warning or error.",
    )

    @property
    def log_file(self) -> Path | None:
        """The file of the event log; None where the URL names none."""
        if self.event_log_url is None:
            return self.data_dir / "events.db"
        scheme, _, path = self.event_log_url.partition(":///")
        return Path(path) if scheme in {"sqlite", "sqlite+aiosqlite"} else None

    @property
    def key_file(self) -> Path | None:
        """The file of the sealing key that embedded mode makes; None where keys are or must be given."""
        is_shared_log = self.log_file is None
        return (
            None
            if self.sealing_keys is not None or is_shared_log
            else self.data_dir / "sealing.key"
        )

    def database_file(self, service: str) -> Path:
        """Return the file of a service's database, where it is given no URL."""
        return self.data_dir / f"{service}.db"


class TracingSettings(FiledSettings):
    """OpenTelemetry's own variables, as far as they matter most; its specification names the others.

    Without an endpoint nothing is exported; the context of the trace travels all the same.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="The collector's address, such as `http://collector:4318`; unset: no spans are exported.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        default=None, description="The whole address for traces, with its path; goes before it."
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        default=None, description="`name=value,…` sent along, such as a collector's token."
    )
    otel_exporter_otlp_certificate: str | None = Field(
        default=None, description="PEM file of the CA that the collector's certificate comes from."
    )
    otel_exporter_otlp_timeout: float = Field(
        default=10, gt=0, description="Seconds that one export may take."
    )
    otel_exporter_otlp_protocol: str = Field(
        default="http/protobuf", description="The only one that is here."
    )
    otel_exporter_otlp_traces_protocol: str | None = Field(
        default=None, description="Goes before it."
    )
    otel_traces_exporter: str = Field(default="otlp", description="otlp or none.")
    otel_traces_sampler: str = Field(
        default="parentbased_always_on",
        description="Which traces are kept, such as `parentbased_traceidratio` or `always_on`.",
    )
    otel_traces_sampler_arg: str | None = Field(
        default=None, description="What the sampler is told, such as `0.1`."
    )
    otel_service_name: str | None = Field(
        default=None, description="Name in the traces, where it shall not be the service's own."
    )
    otel_resource_attributes: str | None = Field(
        default=None,
        description="`name=value,…` said of the process, such as `deployment.environment.name=test`.",
    )
    otel_bsp_max_queue_size: int = Field(
        default=2048, gt=0, description="Spans that wait for the collector; more are dropped."
    )
    otel_sdk_disabled: bool = Field(default=False, description="true: export nothing.")


class ServiceSettings(FiledSettings):
    """What every service has of its own, with the service's prefix."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    database_url: str | None = Field(
        default=None,
        description="`sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`; default: a file in DATA_DIR.",
    )
    host: str = Field(default="127.0.0.1", description="Where the HTTP API listens on its own.")
    port: int = Field(default=8001, description="Port of the HTTP API on its own.")
    api_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that callers must show; required when HOST is not loopback.",
    )
