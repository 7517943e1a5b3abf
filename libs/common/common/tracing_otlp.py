"""Spans to an OpenTelemetry collector, by OTLP over HTTP. The only module that knows OpenTelemetry.

Set up by the standard's own variables. Nothing waits for the collector: spans go through a queue of
bounded length to a thread; a full queue drops spans, and the end waits a bounded time.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from pydantic import SecretStr

from common import tracing
from common.errors import Misconfigured
from common.settings import TracingSettings
from common.tracing import Exported, Kind

log = structlog.get_logger()

FLUSH_SECONDS = 5.0
"""How long the end waits for a collector to take the last spans."""

PROTOCOL = "http/protobuf"


class OtlpRecording:
    """A span of OpenTelemetry's."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.traceparent = _written(span.get_span_context())

    def note(self, attributes: Mapping[str, Exported]) -> None:
        """Add attributes."""
        self._span.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """Give another name."""
        self._span.update_name(name)

    def link(self, traceparent: str) -> None:
        """Point to a span of another trace."""
        self._span.add_link(_read(traceparent, remote=True))

    def fail(self, code: str) -> None:
        """Set the status: a code, no text, no stack."""
        self._span.set_status(Status(StatusCode.ERROR, code))

    def end(self) -> None:
        """Hand over to the queue."""
        self._span.end()


class OtlpRecorder:
    """Records through one queue; each service is a resource of its own, also under one roof."""

    def __init__(self, *, own_name: str | None = None) -> None:
        """Start the exporting thread; `own_name` names the resource instead of the services."""
        self._own_name = own_name
        self._queue = BatchSpanProcessor(OTLPSpanExporter())
        self._tracers: dict[str, Tracer] = {}

    def begin(
        self, service: str, name: str, kind: Kind, *, parent: str | None, remote: bool
    ) -> OtlpRecording:
        """Begin a span; the sampler of OTEL_TRACES_SAMPLER decides whether it is kept."""
        known = NonRecordingSpan(_read(parent, remote=remote)) if parent else None
        return OtlpRecording(
            self._tracer(service).start_span(
                name,
                context=set_span_in_context(known, Context()) if known else Context(),
                kind=SpanKind[kind.name],
            )
        )

    async def close(self, *, seconds: float) -> None:
        """Send what is queued, but not for longer; then nothing more is sent."""
        closing = threading.Thread(target=self._queue.shutdown, name="spans", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, seconds)
        if closing.is_alive():
            log.warning("spans_lost", reason="collector_away", seconds=seconds)

    def _tracer(self, service: str) -> Tracer:
        if service not in self._tracers:
            facts = {"service.name": self._own_name or service}
            provider = TracerProvider(resource=Resource.create(facts), shutdown_on_exit=False)
            provider.add_span_processor(self._queue)
            self._tracers[service] = provider.get_tracer(tracing.NOBODYS)
        return self._tracers[service]


@asynccontextmanager
async def exporting(
    settings: TracingSettings | None = None, *, flush_seconds: float = FLUSH_SECONDS
) -> AsyncGenerator[None]:
    """Export spans while the block runs, if the environment names a collector.

    Raises Misconfigured for an exporter or a protocol that is not here.
    """
    settings = settings or TracingSettings()
    if not is_wanted(settings):
        yield
        return
    _hand_on(settings)
    recorder = OtlpRecorder(own_name=settings.otel_service_name)
    tracing.record_with(recorder)
    try:
        yield
    finally:
        tracing.record_with(None)
        await recorder.close(seconds=flush_seconds)


def is_wanted(settings: TracingSettings) -> bool:
    """Return whether spans are to be exported; Misconfigured where they could not be as asked."""
    endpoint = settings.otel_exporter_otlp_traces_endpoint or settings.otel_exporter_otlp_endpoint
    if settings.otel_sdk_disabled or not endpoint or settings.otel_traces_exporter == "none":
        return False
    if settings.otel_traces_exporter != "otlp":
        raise Misconfigured("OTEL_TRACES_EXPORTER: only otlp and none are here")
    protocol = settings.otel_exporter_otlp_traces_protocol or settings.otel_exporter_otlp_protocol
    if protocol != PROTOCOL:
        raise Misconfigured(f"OTEL_EXPORTER_OTLP_PROTOCOL: only {PROTOCOL} is here (port 4318)")
    return True


def _hand_on(settings: TracingSettings) -> None:
    """Put what `.env` says where the SDK, which reads the environment alone, finds it."""
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        told = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        os.environ.setdefault(name.upper(), told)


def _read(traceparent: str, *, remote: bool) -> SpanContext:
    """Read what `tracing.valid` let through."""
    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), remote, TraceFlags(int(flags, 16)))


def _written(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 3:02x}"
