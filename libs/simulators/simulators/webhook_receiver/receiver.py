"""The receiver as one value: what came, whether its signature held, what is answered next."""

import base64
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from simulators.script import Script
from simulators.webhook_receiver.answers import Answer, ok


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook as it came; `id` is the `webhook-id` header (Standard Webhooks 1.0)."""

    id: str
    at: datetime
    path: str
    headers: Mapping[str, str]
    body: bytes
    verified: bool
    answer: Answer
    #: The text fields and the files of a multipart body.
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


class Receiver:
    """A webhook receiver; `base_url` is set while it listens."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.base_url = ""
        self.events: list[Event] = []
        self.script = Script(ok())

    @property
    def url(self) -> str:
        """A URL to give to senders; any other path is taken too."""
        return f"{self.base_url}/hook"

    def follow(self, *answers: Answer, then: Answer | None = None) -> None:
        """Answer so in turn, and `then` (200 unless told) for ever."""
        self.script.follow(*answers, then=then or ok())

    def is_signed_by_us(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Tell whether id, timestamp and signature hold (Standard Webhooks 1.0)."""
        try:
            Webhook(self.secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def duplicates(self) -> dict[str, int]:
        """Count, for each webhook id that came more than once, how often it came."""
        counted = Counter(event.id for event in self.events if event.id)
        return {webhook_id: times for webhook_id, times in counted.items() if times > 1}

    def reset(self) -> None:
        """Forget the events and answer 200 again."""
        self.events.clear()
        self.follow()


def new_secret() -> str:
    """Make a signing secret: `whsec_` and 24 random bytes in base64 (Standard Webhooks 1.0)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode("ascii")
