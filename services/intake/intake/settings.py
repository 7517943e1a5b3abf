"""Settings of intake (INTAKE_…), read once at start. Every default works embedded."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where intake listens and keeps its data."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_", env_file=".env", extra="ignore")

    port: int = Field(default=8001, description="Port of the HTTP API on its own.")
