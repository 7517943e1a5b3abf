"""A fax gateway that behaves like Sinch Fax API v3 and keeps every fax it got."""

from simulators.fax_gateway.app import run, running
from simulators.fax_gateway.behaviour import SCRIPTS
from simulators.fax_gateway.fax import Fax, Status
from simulators.fax_gateway.gateway import Account, Gateway

__all__ = ["SCRIPTS", "Account", "Fax", "Gateway", "Status", "run", "running"]
