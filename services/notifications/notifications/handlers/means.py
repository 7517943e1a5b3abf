"""What handlers are given besides the transaction: keys, and the channels that can be used here."""

from dataclasses import dataclass

from common.sealing import Sealer
from notifications.domain.routing import Configured


@dataclass(frozen=True, slots=True)
class Means:
    """The sealing keys, and the channels that this installation is set up for."""

    sealer: Sealer
    configured: Configured
