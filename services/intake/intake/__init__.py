"""Intake: the only writer of clinics, referrals and their status. Parses no HL7 or FHIR, sends nothing."""
