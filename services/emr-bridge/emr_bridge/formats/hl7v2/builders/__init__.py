"""Messages to EMRs, built and validated with hl7apy, which is known to this room alone."""

from emr_bridge.formats.hl7v2.builders.build import booking, build_report, is_booked
from emr_bridge.formats.hl7v2.builders.check import check
from emr_bridge.formats.hl7v2.builders.refusals import Unbuildable

__all__ = ["Unbuildable", "booking", "build_report", "check", "is_booked"]
