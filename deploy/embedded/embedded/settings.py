"""Settings of embedded mode: one process, one port for all APIs."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.setting_files import FiledSettings


class Settings(FiledSettings):
    """Where the one process listens; each service's own settings keep their own prefix."""

    model_config = SettingsConfigDict(env_prefix="EMBEDDED_", env_file=".env", extra="ignore")

    host: str = Field(default="127.0.0.1", description="Where all APIs listen in embedded mode.")
    port: int = Field(default=8000, description="Port of all APIs in embedded mode.")
    api_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that callers must show; required when HOST is not loopback.",
    )
