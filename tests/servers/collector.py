"""An OpenTelemetry collector small enough to read: takes OTLP over HTTP and keeps the spans."""

import contextlib
import gzip
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Received:
    """A span as the collector was told of it."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    failure: str | None
    attributes: dict[str, Any]
    links: Sequence[str]
    """`trace_id-span_id` of each."""
    began: int
    ended: int

    @property
    def place(self) -> str:
        return f"{self.trace_id}-{self.span_id}"


@dataclass
class Collector:
    """What came in; `answer` is the status that exporters get."""

    port: int = 0
    answer: int = 200
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Received]:
        return [span for body in list(self.bodies) for span in _read(body)]

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]


def _read(body: bytes) -> Iterator[Received]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    service=service,
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    failure=span.status.message if span.status.code == 2 else None,
                    attributes=_values(span.attributes),
                    links=[f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in span.links],
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextlib.contextmanager
def collecting(*, answer: int = 200) -> Iterator[Collector]:
    """Listen on a port of our own while the block runs."""
    collector = Collector(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                collector.headers.append({k.lower(): v for k, v in self.headers.items()})
                collector.bodies.append(body)
            told = ExportTraceServiceResponse().SerializeToString()
            self.send_response(collector.answer)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
