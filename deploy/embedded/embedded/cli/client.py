"""The HTTP client of the commands: speaks to the public APIs, turns problems into words."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from embedded.cli.output import err, fail
from embedded.settings import Settings

TIMEOUT_SECONDS = 30.0
LARGEST_PAGE = 200
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - where a service listens, not where we call

URL_VARIABLE = "REFERRAL_LOOP_{}_URL"
TOKEN_VARIABLE = "REFERRAL_LOOP_TOKEN"  # noqa: S105 - a variable's name

PATIENT_DATA_VARIABLE = "REFERRAL_LOOP_PATIENT_DATA_TOKEN"

Params = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Api:
    """One service's API: `url` as the command was told, else the environment's, else embedded."""

    service: str
    url: str | None = None

    @property
    def base(self) -> str:
        """Where it answers, without a slash at the end."""
        known = self.url or os.environ.get(URL_VARIABLE.format(self._prefix))
        told = known or f"{embedded_url()}/{self.service}"
        return told.rstrip("/")

    def get(self, path: str, params: Params | None = None) -> Any:
        """Read one resource."""
        return self.call("GET", path, params=params)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params | None = None,
        actor: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request; tell the problem and leave with exit code 1 when it is refused."""
        asked = {name: value for name, value in (params or {}).items() if value is not None}
        given = ({"X-Actor": actor} if actor else {}) | dict(headers or {})
        return self._answered(method, path, json=body, params=asked, headers=given).json()

    def content(self, path: str, *, headers: Mapping[str, str]) -> bytes:
        """Read one resource as bytes; end as `call` does when it is refused."""
        return self._answered("GET", path, headers=headers).content

    def _answered(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self.ask(method, path, **options)
        except httpx2.TransportError as error:
            told = f"{self.base} does not answer ({type(error).__name__}); is it running?"
            raise fail(told) from error
        if response.is_error:
            raise _refused(response)
        return response

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx2.Response:
        """Send one request and return whatever comes; TransportError when nothing does."""
        known = self._authorization() | dict(headers or {})
        options.setdefault("timeout", TIMEOUT_SECONDS)
        return httpx2.request(method, f"{self.base}{path}", headers=known, **options)

    def listed(self, path: str, params: Params, *, limit: int) -> list[dict[str, Any]]:
        """Return up to `limit` items of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            size = min(LARGEST_PAGE, limit - len(found))
            page = self.get(path, {**params, "limit": size, "cursor": cursor})
            found += page["items"]
            cursor = _cursor(page.get("next"))
            if cursor is None:
                break
        return found

    @property
    def _prefix(self) -> str:
        return self.service.replace("-", "_").upper()

    def _authorization(self) -> dict[str, str]:
        names = (TOKEN_VARIABLE, f"{self._prefix}_API_TOKEN", "EMBEDDED_API_TOKEN")
        token = next((os.environ[name] for name in names if os.environ.get(name)), None)
        return {"Authorization": f"Bearer {token}"} if token else {}


def embedded_url() -> str:
    """Return where embedded mode answers by its settings."""
    settings = Settings()
    host = "127.0.0.1" if settings.host in EVERYWHERE else settings.host
    return f"http://{host}:{settings.port}"


def actor_or_me(actor: str | None) -> str:
    """Return who acts, for the audit trail: as told, else who is logged in."""
    return actor or f"cli:{getpass.getuser()}"


def patient_data_token() -> dict[str, str]:
    """Return the header that patient data in messages may need, if the environment has the token."""
    names = (PATIENT_DATA_VARIABLE, "EMR_BRIDGE_PATIENT_DATA_TOKEN")
    token = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return {"X-Patient-Data-Token": token} if token else {}


def _cursor(told: str | None) -> str | None:
    """Return the cursor of the next page: some services tell it, some tell the page's address."""
    if not told or "?" not in told:
        return told or None
    return parse_qs(urlsplit(told).query)["cursor"][0]


def _refused(response: httpx2.Response) -> Exception:
    asked = f"{response.request.method} {response.request.url.path}"
    if "json" not in response.headers.get("content-type", ""):
        return fail(f"{response.status_code} {asked}")
    problem = response.json()
    why = problem.get("detail") or problem.get("title", "")
    left = fail(f"{response.status_code} {asked}: {why}")
    for field in problem.get("errors", []):
        place = field.get("pointer") or field.get("parameter")
        err.print(f"  {place}: {field['detail']}", markup=False, highlight=False)
    return left
