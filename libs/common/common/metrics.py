"""What is counted for Prometheus. Labels come from small closed sets; never an id, never a person."""

from prometheus_client import Counter, Gauge, Histogram

records_handled = Counter(
    "referral_records_handled_total", "Records read from the log and done with.", ["group"]
)
dead_letters = Counter(
    "referral_dead_letters_total", "Records set aside for a person to look at.", ["group"]
)
worker_restarts = Counter(
    "referral_worker_restarts_total",
    "Workers that failed and were started again.",
    ["service", "worker"],
)
outbox_published = Counter(
    "referral_outbox_drains_total", "Batches brought from an outbox to the log.", ["service"]
)
messages_received = Counter(
    "referral_messages_received_total",
    "Messages that came in, by door and by what became of them.",
    ["door", "outcome"],
)
delivery_attempts = Counter(
    "referral_delivery_attempts_total",
    "Attempts to deliver a notice, by channel and result.",
    ["channel", "result"],
)
delivery_seconds = Histogram(
    "referral_delivery_seconds",
    "Seconds from an event to the confirmed delivery of its notice.",
    ["channel"],
    buckets=(1, 5, 15, 60, 300, 900, 2700, 3600, 14400, 86400),
)
promises = Counter(
    "referral_promises_total",
    "Promises by kind and fate (kept, at_risk, broken).",
    ["kind", "fate"],
)
links_up = Gauge("referral_link_up", "Whether an EMR link works (1) or not (0).", ["link"])
