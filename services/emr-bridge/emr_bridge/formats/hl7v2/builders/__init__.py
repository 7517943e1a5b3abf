"""Messages to EMRs, built and validated with hl7apy, which is known to this room alone."""

from emr_bridge.formats.hl7v2.builders.report import report
from emr_bridge.formats.hl7v2.builders.schedule import schedule
from emr_bridge.formats.hl7v2.builders.structure import Unbuildable

__all__ = ["Unbuildable", "report", "schedule"]
