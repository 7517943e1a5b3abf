"""A receiver of webhooks that checks Standard Webhooks signatures and answers by script."""

from simulators.webhook_receiver.answers import Answer, ok, redirect, slow, status, too_many
from simulators.webhook_receiver.app import run, running
from simulators.webhook_receiver.receiver import Event, Receiver, new_secret

__all__ = [
    "Answer",
    "Event",
    "Receiver",
    "new_secret",
    "ok",
    "redirect",
    "run",
    "running",
    "slow",
    "status",
    "too_many",
]
