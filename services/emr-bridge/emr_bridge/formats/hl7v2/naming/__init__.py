"""What a message's fields are called and what its codes mean, for people. Never on the way to the ACK."""

from emr_bridge.formats.hl7v2.naming.lint import Fault, lint
from emr_bridge.formats.hl7v2.naming.sheet import Cell, Line, sheet

__all__ = ["Cell", "Fault", "Line", "lint", "sheet"]
