"""Settings of emr-bridge (EMR_BRIDGE_…), read once at start. Every default works embedded."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.loopback import is_loopback
from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where messages come in, how much one may hold, and how long we wait for an answer."""

    model_config = SettingsConfigDict(env_prefix="EMR_BRIDGE_", env_file=".env", extra="ignore")

    port: int = Field(default=8002, description="Port of the HTTP API on its own.")
    mllp_host: str = Field(default="127.0.0.1", description="Where the MLLP listener listens.")
    mllp_port: int = Field(default=2575, ge=0, le=65535, description="Port of the MLLP listener.")
    mllp_plain_beyond_loopback: bool = Field(
        default=False,
        description="Allow MLLP_HOST to be reachable from other machines without TLS (VPN only).",
    )
    mllp_tls_port: int = Field(
        default=2576,
        ge=0,
        le=65535,
        description="Port for MLLP over TLS, with MLLP_TLS_CERTIFICATE.",
    )
    mllp_tls_certificate: Path | None = Field(
        default=None, description="Our certificate (PEM); with it MLLP_TLS_PORT is listened on."
    )
    mllp_tls_key: Path | None = Field(
        default=None, description="Its private key, where the certificate's file does not hold it."
    )
    mllp_tls_client_authority: Path | None = Field(
        default=None,
        description="Authorities (PEM) of EMRs' certificates; with it every EMR must show one.",
    )
    mllp_allowed_addresses: str = Field(
        default="",
        description="Networks from which EMRs may connect, by commas (CIDR); empty: all.",
    )
    mllp_keep_alive_seconds: int = Field(
        default=60, gt=0, description="Silence after which the system asks whether a peer is there."
    )
    processing_ids: str = Field(
        default="",
        pattern="^([PTDNV](,[PTDNV])*)?$",
        description="MSH-11 that is taken, by commas, where a link does not say; empty: all.",
    )
    mllp_max_message_bytes: int = Field(
        default=16 * 1024 * 1024, gt=0, description="Largest message; above it AR and close."
    )
    mllp_max_connections: int = Field(default=1000, gt=0, description="Links open at a time.")
    mllp_half_frame_seconds: float = Field(
        default=30.0, gt=0, description="Silence within a message after which its link is closed."
    )
    mllp_message_seconds: float = Field(
        default=300.0, gt=0, description="Within this long a message must have come whole."
    )
    mllp_tolerate_missing_return: bool = Field(
        default=True,
        description="Accept a message that ends in 0x1C without 0x0D where nothing else is meant.",
    )
    patient_data_token: SecretStr | None = Field(
        default=None,
        description="Second token (X-Patient-Data-Token) that patient data in messages need; without "
        "it X-Actor and X-Reason are enough.",
    )
    connect_seconds: float = Field(default=10.0, gt=0, description="Wait for an EMR's connection.")
    answer_seconds: float = Field(default=30.0, gt=0, description="Wait for an EMR's ACK.")
    application_answer_seconds: float = Field(
        default=600.0,
        gt=0,
        description="Wait for the application's answer (AA) after CA, where a link asks for it.",
    )
    sending_application: str = Field(default="REFERRALLOOP", description="Our MSH-3.")
    sending_facility: str = Field(default="PHARMACY", description="Our MSH-4.")
    sending_tls_certificate: Path | None = Field(
        default=None, description="Certificate (PEM) that we show to EMRs over TLS."
    )
    sending_tls_key: Path | None = Field(
        default=None, description="Its private key, where the certificate's file does not hold it."
    )
    sending_tls_trusted: Path | None = Field(
        default=None, description="Authorities (PEM) that EMRs' certificates must come from."
    )
    pharmacy_name: str = Field(
        default="Specialty Pharmacy", description="Who was referred to (PRD-2 of RRI, letters)."
    )
    pharmacy_phone: str | None = Field(default=None, description="Our phone number in PRD-5.")
    pharmacy_fax: str | None = Field(default=None, description="Our fax number in PRD-5.")
    pharmacy_npi: str | None = Field(default=None, description="Our NPI in PRD-7.")

    @property
    def mllp_is_plain(self) -> bool:
        """Tell whether plain MLLP is spoken: on this machine, or where a VPN protects it."""
        return is_loopback(self.mllp_host) or self.mllp_plain_beyond_loopback

    @property
    def mllp_doors(self) -> dict[str, int]:
        """The ports that EMRs find open on `mllp_host`, by what is spoken there."""
        plain = {"MLLP": self.mllp_port} if self.mllp_is_plain else {}
        return plain | ({"MLLP over TLS": self.mllp_tls_port} if self.mllp_tls_certificate else {})
