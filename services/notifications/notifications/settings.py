"""Settings of notifications (NOTIFICATIONS_…), read once at start. Every default works embedded."""

from datetime import date

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Gateways, letterhead and pace of the service."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", env_file=".env", extra="ignore")

    port: int = Field(default=8003, description="Port of the HTTP API on its own.")

    pharmacy_name: str = Field(
        default="Specialty Pharmacy", description="Who notices come from, as printed on a fax."
    )
    pharmacy_phone: str = Field(
        default="+15550100000", description="Number (E.164) that clinics call with questions."
    )
    pharmacy_fax: str | None = Field(
        default=None, description="Number (E.164) that clinics fax answers to; printed if set."
    )
    referral_url: str = Field(
        default="http://127.0.0.1:8000/intake/v1/referrals/{referral_id}",
        description="Where a webhook's receiver reads the referral; holds `{referral_id}`.",
    )

    sinch_project_id: str | None = Field(
        default=None, description="Sinch project; without it the fax channel is not configured."
    )
    sinch_key_id: str | None = Field(default=None, description="Sinch access key's id.")
    sinch_key_secret: SecretStr | None = Field(
        default=None, description="Sinch access key's secret."
    )
    sinch_service_id: str | None = Field(
        default=None, description="Sinch fax service, if not the default."
    )
    sinch_base_url: str = Field(
        default="https://fax.api.sinch.com", description="Where the Sinch Fax API answers."
    )
    sinch_baa_signed_on: date | None = Field(
        default=None,
        description="When the BAA with Sinch was signed; required unless SINCH_BASE_URL is loopback.",
    )
    fax_from_number: str | None = Field(
        default=None, description="Number (E.164) that faxes come from."
    )
    callback_base_url: str | None = Field(
        default=None,
        description="Where gateways reach this service, such as https://example.org/notifications; "
        "without it faxes are polled only.",
    )
    callback_secret: SecretStr | None = Field(
        default=None, min_length=16, description="Secret part of the callback's path."
    )

    console: bool = Field(
        default=False, description="Development: show notices on standard output and confirm them."
    )
    webhook_allow_loopback: bool = Field(
        default=False, description="Development: webhooks may go to this machine, by plain http."
    )
    webhook_timeout_seconds: float = Field(default=15.0, gt=0, description="Time for one webhook.")
    webhooks_at_once: int = Field(
        default=50, gt=0, description="How many webhooks may wait for their answers at once."
    )
    webhooks_per_endpoint: int = Field(
        default=4,
        gt=0,
        description="How many of these may go to one host: a slow partner holds up only itself.",
    )

    tick_seconds: float = Field(
        default=1.0, gt=0, description="How often workers look without being woken."
    )
    batch: int = Field(default=10, gt=0, description="How many deliveries a worker takes at once.")
    lease_seconds: float = Field(
        default=300.0,
        gt=0,
        description="How long a worker may hold a delivery before it counts as lost.",
    )
    fax_poll_seconds: float = Field(
        default=5.0, gt=0, description="First wait before a gateway is asked about a fax; doubles."
    )
    fax_poll_cap_seconds: float = Field(
        default=60.0, gt=0, description="Longest wait between two questions about a fax."
    )
    fax_look_up_seconds: float = Field(
        default=30.0, gt=0, description="Wait before an unanswered submission is looked up."
    )
    fax_result_hours: float = Field(
        default=2.0, gt=0, description="After this time without a result a fax is given up."
    )
