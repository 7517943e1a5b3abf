"""What emr-bridge reads from the log, and which verb each event calls."""

from common.events.clinic import ClinicChanged
from common.events.notification import EmrDeliveryRequested, EmrDeliveryWithdrawn
from common.events.referral import CancellationRequested, ReferralReceived
from common.verdicts import Handlers, Together
from emr_bridge.handlers import follow, request

TOPICS = ("clinic.events", "referral.events", "notification.events")

HANDLERS: Handlers = {
    ClinicChanged: follow.clinic_changed,
    ReferralReceived: Together(follow.referrals_received),
    CancellationRequested: follow.cancellation_requested,
    EmrDeliveryRequested: request.request_delivery,
    EmrDeliveryWithdrawn: request.withdraw,
}
