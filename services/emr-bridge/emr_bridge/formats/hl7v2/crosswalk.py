"""The crosswalk: what each milestone of a referral is called in each profile (tables 0038, 0119, 0278, 0283).

One table. `verified_by` names where a row's codes were read; `unverified` rows are our choice, to be
agreed with each partner.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from emr_bridge.domain.outgoing import Profile

ADRM = "table 0283; the message: HL7 Australia ADRM 2021.1, ch. 7"
SNF = "ONC 360X wiki, SNF transfer pages"
EPIC = "Epic Incoming Appointment Scheduling, May 2019; table 0278"
REPORTS = "the message: eClinicalWorks HL7 Reports Specification, Apr 2015; the codes are ours"
UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Row:
    """How one milestone is told in one profile: MSH-9, and the codes by field."""

    milestone: str
    profile: Profile
    message: str
    codes: Mapping[str, str]
    verified_by: str


def _rri(milestone: str, trigger: str, status: str, verified_by: str = UNVERIFIED) -> Row:
    return Row(milestone, "rri", f"RRI^{trigger}^RRI_I12", {"RF1-1": status}, verified_by)


def _osu(milestone: str, control: str, status: str, verified_by: str = UNVERIFIED) -> Row:
    codes = {"ORC-1": control, "ORC-5": status}
    return Row(milestone, "osu", "OSU^O51^OSU_O51", codes, verified_by)


def _siu(milestone: str, trigger: str, status: str, action: str) -> Row:
    codes = {"SCH-25": status, "RGS-2": action, "AIS-2": action}
    return Row(milestone, "siu", f"SIU^{trigger}^SIU_S12", codes, EPIC)


def reported(milestone: str) -> Row:
    """Return the plain report of a milestone, also of one that is not in the table."""
    codes = {"OBX-5 (UPDATE)": milestone, "OBR-25": "F"}
    return Row(milestone, "oru", "ORU^R01^ORU_R01", codes, REPORTS)


def _mdm(milestone: str) -> Row:
    codes = {"TXA-2": "REFSTATUS", "TXA-17": "AU", "OBX-3": "REPORT"}
    return Row(milestone, "mdm", "MDM^T02^MDM_T02", codes, REPORTS)


REPORTED = (
    "referral_received",
    "information_needed",
    "prior_authorization_changed",
    "prior_authorization_pending",
    "referral_scheduled",
    "appointment_rescheduled",
    "appointment_cancelled",
    "appointment_missed",
    "referral_activated",
    "referral_declined",
    "referral_transferred",
    "referral_cancelled",
    "cancellation_confirmed",
    "cancellation_overtaken",
    "referral_discontinued",
    "referral_held",
    "referral_resumed",
    "shipment_reported",
    "status_reported",
    "status_reported_active",
    "status_reported_ended",
)
"""Every milestone that has a readable message. `cancellation_confirmed`: the clinic had asked."""

TABLE: tuple[Row, ...] = (
    _rri("referral_received", "I12", "P", ADRM),
    _rri("information_needed", "I12", "P", ADRM),
    _rri("prior_authorization_changed", "I12", "P", ADRM),
    _rri("prior_authorization_pending", "I12", "P", ADRM),
    _rri("referral_scheduled", "I12", "A", ADRM),
    _rri("appointment_rescheduled", "I12", "A", ADRM),
    _rri("appointment_cancelled", "I12", "A", ADRM),
    _rri("appointment_missed", "I12", "A", ADRM),
    _rri("referral_activated", "I12", "A", ADRM),
    _rri("referral_declined", "I12", "R", ADRM),
    _rri("referral_transferred", "I12", "R"),
    _rri("referral_cancelled", "I12", "R"),
    _rri("cancellation_confirmed", "I14", "R", ADRM),
    _rri("cancellation_overtaken", "I14", "A"),
    _rri("referral_discontinued", "I12", "E"),
    _rri("referral_held", "I12", "P"),
    _rri("referral_resumed", "I12", "P"),
    _rri("shipment_reported", "I12", "A"),
    _rri("status_reported", "I15", "P"),
    _rri("status_reported_active", "I15", "A"),
    _rri("status_reported_ended", "I15", "R"),
    _osu("referral_received", "SC", "IP"),
    _osu("information_needed", "SC", "HD"),
    _osu("prior_authorization_changed", "SC", "IP"),
    _osu("prior_authorization_pending", "SC", "IP"),
    _osu("referral_scheduled", "SC", "SC", SNF),
    _osu("appointment_rescheduled", "SC", "SC"),
    _osu("appointment_cancelled", "SC", "IP"),
    _osu("appointment_missed", "SC", "IP"),
    _osu("referral_activated", "SC", "CM"),
    _osu("referral_declined", "UA", "CA"),
    _osu("referral_transferred", "OC", "CA"),
    _osu("referral_cancelled", "OC", "CA"),
    _osu("cancellation_confirmed", "CR", "CA"),
    _osu("cancellation_overtaken", "UC", "IP"),
    _osu("referral_discontinued", "OD", "DC"),
    _osu("referral_held", "OH", "HD"),
    _osu("referral_resumed", "SC", "IP"),
    _osu("shipment_reported", "SC", "IP"),
    _osu("status_reported", "SC", "IP"),
    _osu("status_reported_active", "SC", "CM"),
    _osu("status_reported_ended", "SC", "CA"),
    _siu("referral_scheduled", "S12", "Booked", "A"),
    _siu("appointment_rescheduled", "S13", "Booked", "U"),
    _siu("appointment_changed", "S14", "Booked", "U"),
    _siu("appointment_cancelled", "S15", "Cancelled", "D"),
    _siu("appointment_missed", "S26", "Noshow", "D"),
    *(reported(milestone) for milestone in REPORTED),
    *(_mdm(milestone) for milestone in REPORTED),
)

_ROWS = {(row.milestone, row.profile): row for row in TABLE}

UNNAMED = "appointment_changed"
"""The date stayed and something else moved; only SIU tells the two apart."""


def row_of(milestone: str, profile: Profile) -> Row | None:
    """Return how a milestone is told in a profile; None where it is not told at all."""
    if profile != "siu" and milestone == UNNAMED:
        milestone = "appointment_rescheduled"
    return _ROWS.get((milestone, profile))
