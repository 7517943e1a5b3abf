"""`python -m embedded` is `referral-loop`."""

from embedded.cli import app

app()
