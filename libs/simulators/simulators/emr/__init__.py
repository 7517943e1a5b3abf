"""An EMR as an MLLP peer: sends samples, receives and answers by script."""

from simulators.emr.app import running
from simulators.emr.client import EmrClient, NoAnswerError
from simulators.emr.server import EmrServer, Received
from simulators.emr.steps import (
    Step,
    accept,
    commit_then,
    down,
    drop,
    reject,
    silent,
    slow,
    wrong_id,
)

__all__ = [
    "EmrClient",
    "EmrServer",
    "NoAnswerError",
    "Received",
    "Step",
    "accept",
    "commit_then",
    "down",
    "drop",
    "reject",
    "running",
    "silent",
    "slow",
    "wrong_id",
]
