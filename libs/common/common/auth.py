"""Who may call: a bearer token where the API can be reached from other machines."""

import hmac
from http import HTTPStatus

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from common import problems
from common.errors import Misconfigured
from common.loopback import is_loopback
from common.problems import Problem
from common.tracing_http import Traced

OPEN = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", "/docs"})
OPEN_BELOW = ("/static/", "/receipts/")
"""Paths that need no token: health, documentation, and gateways, whose path holds a secret."""


def check_exposure(host: str, token: SecretStr | None) -> None:
    """Raise Misconfigured where patient data would be open to the network."""
    if token is None and not is_loopback(host):
        raise Misconfigured(f"listening on {host} needs an API_TOKEN: patient data would be open")


class BearerToken:
    """Lets a request in whose Authorization holds the token (RFC 6750)."""

    def __init__(self, app: ASGIApp, *, token: SecretStr, service: str) -> None:
        """Wrap an app; who is refused is refused in a span of `service`, and told its trace."""
        self._app = app
        self._refuse = Traced(_refuse, service=service)
        self._expected = token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 where the token is missing or another."""
        if scope["type"] == "lifespan" or self._may(scope):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await self._refuse(scope, receive, send)

    def _may(self, scope: Scope) -> bool:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in OPEN or path.startswith(OPEN_BELOW):
            return True
        scheme, _, given = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
        known = hmac.compare_digest(given.strip(), self._expected)
        return known and scheme.lower() == b"bearer"


async def _refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    problem = Problem(title="Unauthorized", status=HTTPStatus.UNAUTHORIZED, code="unauthorized")
    for message in problems.messages(problem, {"www-authenticate": "Bearer"}):
        await send(message)
