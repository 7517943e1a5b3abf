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
worker_stuck = Gauge(
    "referral_worker_stuck",
    "Whether a worker does not get on (1): it halted, or failed several times in a row.",
    ["service", "worker"],
)
outbox_published = Counter(
    "referral_outbox_published_total", "Events brought from an outbox to the log.", ["service"]
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
promise_margin = Histogram(
    "referral_promise_margin_seconds",
    "Seconds that were left of a promise when the clinic had the notice; negative when it was late.",
    ["kind"],
    buckets=(-86400, -3600, -900, 0, 300, 900, 1800, 2700, 3300, 21600, 43200, 79200, 86400),
)
commit_to_publish = Histogram(
    "referral_commit_to_publish_seconds",
    "Seconds from an event's writing to its place in the log.",
    ["service"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3600),
)
acknowledgements = Counter(
    "referral_acknowledgements_total",
    "Answers given at a door by their code (MLLP: MSA-1); a repeat is answered, and counted, again.",
    ["door", "code"],
)
handshakes_refused = Counter(
    "referral_tls_handshakes_refused_total",
    "Connections to the MLLP port over TLS that did not come about, by what was in the way.",
    ["reason"],
)

# Read when Prometheus asks (common.gauges). Each replica tells the same of one database: use max.
outbox_events = Gauge("referral_outbox_events", "Events that are not in the log yet.", ["service"])
outbox_oldest = Gauge(
    "referral_outbox_oldest_seconds",
    "Age of the oldest event that is not in the log yet, 0 if none is.",
    ["service"],
)
messages_unread = Gauge(
    "referral_messages_unread", "Messages that were kept and acknowledged, and not read yet."
)
messages_unread_oldest = Gauge(
    "referral_messages_unread_oldest_seconds",
    "Age of the oldest message that was kept and not read yet, 0 if none is.",
)
consumer_lag = Gauge(
    "referral_consumer_lag_records",
    "Records on a topic that a group has not handled yet.",
    ["group", "topic"],
)
dead_letters_waiting = Gauge(
    "referral_dead_letters_waiting",
    "Records that were set aside and that nobody has replayed.",
    ["group"],
)
promises_open = Gauge(
    "referral_promises_open",
    "Promises whose notice is not confirmed yet (open, at_risk, broken).",
    ["kind", "state"],
)
deliveries_waiting = Gauge(
    "referral_deliveries_waiting",
    "Deliveries that have not ended, by channel and state.",
    ["channel", "state"],
)
deliveries_oldest = Gauge(
    "referral_deliveries_oldest_seconds",
    "Age of the oldest delivery of a channel that has not ended.",
    ["channel"],
)
tasks_open = Gauge("referral_tasks_open", "Tasks that wait for a person.", ["kind"])
reviews_open = Gauge("referral_reviews_open", "Reviews that wait for a person.")
links_up = Gauge("referral_link_up", "Whether an EMR link works (1) or not (0).", ["link"])
link_circuit_open = Gauge(
    "referral_link_circuit_open",
    "Whether an EMR link is left alone (1): refused for its configuration, or held for a person.",
    ["link"],
)
link_depth = Gauge("referral_link_depth", "Messages that wait to be sent over a link.", ["link"])
link_oldest = Gauge(
    "referral_link_oldest_seconds",
    "Age of the oldest message that waits to be sent over a link, 0 if none does.",
    ["link"],
)
link_parked = Gauge(
    "referral_link_parked", "Messages of a link that were refused and wait for a person.", ["link"]
)
mllp_connections = Gauge("referral_mllp_connections", "EMR links that are connected now.")
ready = Gauge(
    "referral_ready",
    "Whether a readiness check of a service holds (1) or not (0).",
    ["service", "check"],
)
data_free_ratio = Gauge(
    "referral_data_free_ratio",
    "Free share of the disk that a service's database file is on.",
    ["service"],
)
