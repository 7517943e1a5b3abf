"""The HTTP client of the commands: speaks to the public APIs, turns problems into words."""

import os
from typing import Any

import httpx2
import typer

from embedded.cli.output import FAILED, err

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 30.0


def call(method: str, url: str, *, body: Any = None) -> Any:
    """Send one request; print the problem and leave with exit code 1 when it is refused."""
    token = os.environ.get("REFERRAL_LOOP_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        response = httpx2.request(method, url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
    except httpx2.TransportError as error:
        err.print(f"[red]{url} does not answer[/red] ({type(error).__name__}); is it running?")
        raise typer.Exit(FAILED) from error
    if response.is_error:
        _explain(response)
        raise typer.Exit(FAILED)
    return response.json()


def _explain(response: httpx2.Response) -> None:
    err.print(f"[red]{response.status_code}[/red] {response.request.method} {response.request.url}")
    if "json" not in response.headers.get("content-type", ""):
        return
    problem = response.json()
    err.print(problem.get("detail") or problem.get("title", ""))
    for field in problem.get("errors", []):
        place = field.get("pointer") or field.get("parameter")
        err.print(f"  {place}: {field['detail']}")
