"""Settings that all services share, and the base of each service's own. Every default works embedded."""

from pathlib import Path

from pydantic import AwareDatetime, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SharedSettings(BaseSettings):
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
    sealing_keys: SecretStr | None = Field(
        default=None,
        description="`id:base64` entries, 32 bytes each, newest first; embedded mode makes one in DATA_DIR.",
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


class ServiceSettings(BaseSettings):
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
