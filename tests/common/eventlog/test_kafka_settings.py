"""What may stand in a `kafka://` URL, and what may not. No broker."""

import ssl

import pytest
from pydantic import SecretStr

from common.errors import Misconfigured
from common.eventlog.kafka_connection import options
from common.eventlog.kafka_settings import read_settings
from common.eventlog.open import open_log
from common.settings import SharedSettings

SASL = "kafka://a:1,b?security_protocol=SASL_SSL&sasl_mechanism=PLAIN&prefix=test."


def test_servers_and_parameters_come_from_the_url_and_secrets_beside_it():
    settings = read_settings(SASL, username="u", password=SecretStr("hidden"))
    told = options(settings)
    assert told["bootstrap_servers"] == ["a:1", "b:9092"]
    assert (told["security_protocol"], told["sasl_mechanism"]) == ("SASL_SSL", "PLAIN")
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("u", "hidden")
    assert settings.prefix == "test."
    assert "hidden" not in repr(settings)


def test_tls_checks_the_certificate_and_the_name_of_the_broker():
    context = options(read_settings("kafka://a?security_protocol=SSL"))["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_without_tls_and_sasl_nothing_is_shown_to_the_broker():
    told = options(read_settings("kafka://a", username="u", password=SecretStr("hidden")))
    assert told["ssl_context"] is None
    assert "sasl_plain_password" not in told


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("kafka://user:hidden@a:1", "KAFKA_USERNAME"),
        ("kafka://a?password=hidden", "password"),
        ("kafka://a?nonsense=1", "nonsense"),
        ("kafka://a?enable_idempotence=perhaps", "enable_idempotence"),
        ("kafka://a?security_protocol=SASL_SSL", "KAFKA_PASSWORD"),
        ("kafka://a/topic", "servers"),
        ("kafka://", "servers"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_by_the_name_of_what_is_wrong(url, named):
    with pytest.raises(Misconfigured) as refused:
        read_settings(url)
    assert named in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_certificate_files_that_are_not_there_are_refused_at_the_first_use(tmp_path):
    url = f"kafka://a?security_protocol=SSL&ssl_cafile={tmp_path / 'none.pem'}"
    with pytest.raises(Misconfigured):
        options(read_settings(url))


async def test_the_settings_of_the_system_open_a_log_on_kafka():
    log = open_log(SharedSettings(event_log_url="kafka://127.0.0.1:9"))
    assert type(log).__name__ == "KafkaEventLog"
    await log.close()
