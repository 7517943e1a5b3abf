"""Which event log a setting names."""

from common.errors import Misconfigured
from common.eventlog.port import EventLog
from common.eventlog.sqlite import SqliteEventLog
from common.settings import SharedSettings


def open_log(settings: SharedSettings) -> EventLog:
    """Return the log for EVENT_LOG_URL; Misconfigured for a scheme that is not known."""
    if settings.log_file is not None:
        return SqliteEventLog(settings.log_file)
    url = settings.event_log_url or ""
    if url.startswith("kafka://"):
        return _kafka(url, settings)
    raise Misconfigured(f"EVENT_LOG_URL names no known kind of log: {url.partition(':')[0]}")


def _kafka(url: str, settings: SharedSettings) -> EventLog:
    """Import the client only where it is used: it costs a tenth of a second and 16 MiB."""
    from common.eventlog.kafka import open_kafka

    return open_kafka(
        url,
        username=settings.kafka_username,
        password=settings.kafka_password,
        key_password=settings.kafka_key_password,
        group_instance_id=settings.kafka_group_instance_id,
    )
