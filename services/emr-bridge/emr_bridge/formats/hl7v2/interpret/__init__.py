"""From a message to what it asks for: one module per family, shared pieces in `fields`."""

from emr_bridge.formats.hl7v2.interpret.families import EVENTS, interpret

__all__ = ["EVENTS", "interpret"]
