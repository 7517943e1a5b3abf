"""Puts the service together from settings and a runtime."""

import ssl
import sys
from datetime import timedelta
from functools import partial

from common import gauges, metrics
from common.errors import Misconfigured
from common.gauges import Measure, Reading
from common.service import Runtime, Service
from common.worker import Worker
from emr_bridge import consumers
from emr_bridge.api import create
from emr_bridge.domain.link import Link
from emr_bridge.domain.outgoing import Us
from emr_bridge.domain.peer import Network, networks_of
from emr_bridge.links.listener import Listener
from emr_bridge.ports import Outbound
from emr_bridge.settings import Settings
from emr_bridge.store import gauges as own_gauges
from emr_bridge.transports import mllp_notice
from emr_bridge.transports.connection import Limits
from emr_bridge.transports.mllp import Binding
from emr_bridge.transports.mllp_client import Address, Client, Patience, Unasked
from emr_bridge.transports.tls import Certificates
from emr_bridge.workers.apart import ReadingApart
from emr_bridge.workers.interpreter import interpreter
from emr_bridge.workers.replier import Replier
from emr_bridge.workers.sender import Sender

CAN_READ_APART = sys.platform != "win32"
"""There a process cannot have a socket as its standard input."""


def build_alone(settings: Settings, runtime: Runtime) -> Service:
    """Return the service as it runs by itself."""
    return build(settings, runtime, reads_apart=True)


def build(settings: Settings, runtime: Runtime, *, reads_apart: bool = False) -> Service:
    """Return the service; Misconfigured when plain MLLP would be open to the network.

    With `reads_apart` another process reads what was kept; it has its settings from the environment.
    """
    certificates = certificates_of(settings)
    bindings = bindings_of(settings, certificates)
    listener = Listener(
        runtime, limits_of(settings), processing_ids=_listed(settings.processing_ids)
    )
    sender = sender_of(settings, runtime)

    def is_rushed() -> bool:
        return listener.is_rushed

    reads = (
        ReadingApart(runtime, is_rushed).run
        if reads_apart and CAN_READ_APART
        else partial(interpreter, runtime, is_rushed)
    )
    token = settings.patient_data_token
    api = create.api(
        runtime, patient_data_token=token.get_secret_value() if token is not None else None
    )
    api.state.checks["mllp"] = listener.check
    return Service(
        name="emr-bridge",
        api=api,
        runtime=runtime,
        migrations="emr_bridge.migrations",
        workers=[
            Worker("mllp", lambda: listener.run_all(bindings)),
            Worker("interpreter", reads),
            Worker("sender", sender.run),
            Worker("replier", replier_of(settings, runtime, listener).run),
            *([Worker("certificates", certificates.keep_current)] if certificates else []),
        ],
        handlers=consumers.HANDLERS,
        topics=consumers.TOPICS,
        gives_way=True,
        gauges=[
            gauges.of_tables(runtime.db, runtime.clock, [own_gauges.ask]),
            connections_of(listener),
        ],
    )


def certificates_of(settings: Settings) -> Certificates | None:
    """Return what we show over TLS, if anything; Misconfigured when it cannot be used."""
    if settings.mllp_tls_certificate is None:
        return None
    key, authority = settings.mllp_tls_key, settings.mllp_tls_client_authority
    return Certificates(settings.mllp_tls_certificate, key, authority)


def bindings_of(settings: Settings, certificates: Certificates | None) -> list[Binding]:
    """Return where we listen; Misconfigured when that would be open to the network without TLS."""
    host = settings.mllp_host
    if not settings.mllp_is_plain and certificates is None:
        raise Misconfigured(
            f"plain MLLP on {host} would be open to the network: give it a certificate "
            "(EMR_BRIDGE_MLLP_TLS_CERTIFICATE), or set EMR_BRIDGE_MLLP_PLAIN_BEYOND_LOOPBACK where a "
            "VPN protects it"
        )
    plain = [Binding(host, settings.mllp_port)] if settings.mllp_is_plain else []
    if certificates is None:
        return plain
    return [*plain, Binding(host, settings.mllp_tls_port, certificates.context)]


def connections_of(listener: Listener) -> Measure:
    """Return the measure of how many EMRs are connected to this process."""

    async def measure() -> list[Reading]:
        return [(metrics.mllp_connections, (), listener.server.connections)]

    return measure


def limits_of(settings: Settings) -> Limits:
    """Return what the listener may take."""
    return Limits(
        max_bytes=settings.mllp_max_message_bytes,
        max_connections=settings.mllp_max_connections,
        half_frame_seconds=settings.mllp_half_frame_seconds,
        whole_frame_seconds=settings.mllp_message_seconds,
        tolerate_missing_return=settings.mllp_tolerate_missing_return,
        keep_alive_seconds=settings.mllp_keep_alive_seconds,
        allowed=_networks(settings.mllp_allowed_addresses),
    )


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return networks_of(_listed(text))
    except ValueError as error:
        raise Misconfigured(f"EMR_BRIDGE_MLLP_ALLOWED_ADDRESSES: {error}") from error


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def sender_of(settings: Settings, runtime: Runtime) -> Sender:
    """Return the loop that sends, over MLLP."""
    patience = Patience(settings.connect_seconds, settings.answer_seconds)

    def connect(link: Link, unasked: Unasked) -> Outbound:
        return Client(address_of(link, settings), patience, unasked)

    return Sender(
        runtime=runtime,
        connect=connect,
        us=us_of(settings),
        application_wait=timedelta(seconds=settings.application_answer_seconds),
    )


def replier_of(settings: Settings, runtime: Runtime, listener: Listener) -> Replier:
    """Return the loop that gives our application ACKs."""
    patience = Patience(settings.connect_seconds, settings.answer_seconds)

    async def deliver(link: Link, message: bytes) -> str | None:
        return await mllp_notice.deliver(address_of(link, settings), message, patience)

    return Replier(runtime, deliver, listener.callers.links, listener.callers.send)


def address_of(link: Link, settings: Settings) -> Address:
    """Return where a link's EMR listens, and what we show to it."""
    tls = outbound_tls(settings) if link.dialect.tls else None
    return Address(link.host or "", link.port or 0, tls)


def us_of(settings: Settings) -> Us:
    """Return how we call ourselves in messages."""
    return Us(
        application=settings.sending_application,
        facility=settings.sending_facility,
        name=settings.pharmacy_name,
        phone=settings.pharmacy_phone,
        fax=settings.pharmacy_fax,
        npi=settings.pharmacy_npi,
    )


def outbound_tls(settings: Settings) -> ssl.SSLContext:
    """Return what we show to an EMR and whom we trust (TLS 1.2 and later)."""
    trusted = settings.sending_tls_trusted
    context = ssl.create_default_context(cafile=str(trusted) if trusted else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.sending_tls_certificate is not None:
        context.load_cert_chain(settings.sending_tls_certificate, settings.sending_tls_key)
    return context
