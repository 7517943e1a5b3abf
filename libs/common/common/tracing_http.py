"""The span of a request: continues the caller's trace, or begins one. Knows no path, only routes."""

from http import HTTPMethod, HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import tracing
from common.tracing import Kind, Span

TRACE_ID = "trace_id"
"""Where the scope keeps it, for an answer that is given outside of the span."""

QUIET = frozenset({"livez", "readyz", "metrics"})
"""Asked every few seconds by machines; their spans would say nothing."""

METHODS = frozenset(HTTPMethod)
OTHER = "HTTP"
"""Said for a method that is none: whoever calls may write anything there."""


class Traced:
    """Puts each request of a service in a span named by method and route, which hold nobody's data."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        """Wrap an app."""
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer inside of a span."""
        if scope["type"] != "http" or scope["path"].rpartition("/")[2] in QUIET:
            await self._app(scope, receive, send)
            return
        tracing.serve(self._service)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        asked = tracing.span(method, kind=Kind.SERVER, parent=_given(scope), method=method)
        with asked as span:
            scope[TRACE_ID] = tracing.trace_id()
            try:
                await self._app(scope, receive, _noting(send, span))
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    span.rename(f"{method} {route}")
                    span.note(route=route)


def _noting(send: Send, span: Span) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            span.note(status=status)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.fail(str(status))
        await send(message)

    return sent


def _given(scope: Scope) -> str | None:
    """Return the caller's `traceparent`; two of them are none (W3C 3.2.1)."""
    given = [value for name, value in scope["headers"] if name == tracing.HEADER.encode()]
    return given[0].decode("latin-1") if len(given) == 1 else None
