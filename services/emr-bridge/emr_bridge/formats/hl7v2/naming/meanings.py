"""What codes mean: the tables that referrals, orders, appointments and acknowledgements use.

Titles of segments too. In our own short words; the numbers are HL7's.
"""

SEGMENTS = {
    "MSH": "Message header",
    "MSA": "Acknowledgment",
    "ERR": "Error",
    "EVN": "Event",
    "SFT": "Software",
    "FHS": "File header",
    "BHS": "Batch header",
    "BTS": "Batch trailer",
    "FTS": "File trailer",
    "PID": "Patient",
    "PD1": "Patient, additional",
    "NK1": "Next of kin",
    "MRG": "Merged identifiers",
    "PV1": "Visit",
    "PV2": "Visit, additional",
    "RF1": "Referral",
    "AUT": "Authorization",
    "CTD": "Contact",
    "PRD": "Provider",
    "PRA": "Practitioner",
    "GT1": "Guarantor",
    "IN1": "Insurance",
    "IN2": "Insurance, additional",
    "IN3": "Insurance, certification",
    "ACC": "Accident",
    "AL1": "Allergy",
    "IAM": "Allergy, detailed",
    "DG1": "Diagnosis",
    "DRG": "Diagnosis related group",
    "PR1": "Procedure",
    "ORC": "Common order",
    "OBR": "Observation request",
    "OBX": "Observation",
    "NTE": "Note",
    "TQ1": "Timing",
    "TQ2": "Timing relation",
    "RXO": "Prescription order",
    "RXE": "Encoded prescription",
    "RXD": "Dispense",
    "RXR": "Route",
    "RXC": "Component",
    "RXG": "Give",
    "RXA": "Administration",
    "SCH": "Appointment",
    "RGS": "Resource group",
    "AIS": "Service",
    "AIG": "General resource",
    "AIL": "Location",
    "AIP": "Person",
    "TXA": "Document",
    "SPM": "Specimen",
    "FT1": "Financial transaction",
    "ROL": "Role",
    "DSC": "Continuation",
    "QRD": "Query",
    "QPD": "Query parameters",
}

_TEXT = {
    "0001": "A Ambiguous; F Female; M Male; N Not applicable; O Other; U Unknown",
    "0002": "A Separated; D Divorced; M Married; S Single; W Widowed; U Unknown",
    "0003": "A04 Register a patient; A08 Update patient; A28 Add person; A31 Update person; "
    "A40 Merge identifiers; I12 Patient referral; I13 Modify referral; I14 Cancel referral; "
    "I15 Request referral status; O01 Order; O09 Pharmacy order; O11 Encoded pharmacy order; "
    "O19 General clinical order; O25 Refill authorization; O51 Order status update; "
    "O13 Dispense; R01 Observation; S12 New appointment; S13 Rescheduled; S14 Modified; "
    "S15 Cancelled; S17 Deleted; S26 No-show; T02 Document with content",
    "0004": "B Obstetrics; C Commercial account; E Emergency; I Inpatient; N Not applicable; "
    "O Outpatient; P Preadmit; R Recurring; U Unknown",
    "0007": "A Accident; C Elective; E Emergency; L Labor and delivery; N Newborn; R Routine; U Urgent",
    "0008": "AA Application accept; AE Application error; AR Application reject; "
    "CA Commit accept; CE Commit error; CR Commit reject",
    "0038": "A Some, not all, results; CA Cancelled; CM Completed; DC Discontinued; ER Error; "
    "HD On hold; IP In process; RP Replaced; SC Scheduled",
    "0052": "A Admitting; F Final; W Working",
    "0063": "SEL Self; SPO Spouse; CHD Child; PAR Parent; GRD Guardian; OTH Other; EMR Employer",
    "0076": "ACK Acknowledgment; ADT Patient administration; MDM Document; OMG Clinical order; "
    "OMP Pharmacy order; ORM Order; ORR Order response; ORU Observation; OSU Order status; "
    "RDE Encoded pharmacy order; RDS Dispense; REF Referral; RRI Referral reply; SIU Scheduling",
    "0078": "L Below low; H Above high; LL Below panic low; HH Above panic high; N Normal; A Abnormal; "
    "AA Very abnormal",
    "0080": "A By age; N None; R By race; S By sex",
    "0085": "C Corrected; D Deleted; F Final; I Pending; P Preliminary; R Not verified; "
    "S Partial; U Changed to final; W Wrong; X Cannot be obtained",
    "0103": "P Production; T Training; D Debugging; N Non-production testing; V Validation",
    "0104": "2.1 Version 2.1; 2.2 Version 2.2; 2.3 Version 2.3; 2.3.1 Version 2.3.1; 2.4 Version 2.4; "
    "2.5 Version 2.5; 2.5.1 Version 2.5.1; 2.6 Version 2.6; 2.7 Version 2.7; 2.8 Version 2.8",
    "0119": "NW New order; CA Cancel request; DC Discontinue request; HD Hold request; "
    "XO Change request; RP Replace request; RO Replacement order; RF Refill request; "
    "OK Accepted; UA Unable to accept; UC Unable to cancel; UD Unable to discontinue; "
    "CR Cancelled as requested; DR Discontinued as requested; HR On hold as requested; "
    "OC Cancelled; OD Discontinued; OH Held; RE Observations to follow; SC Status changed; "
    "SN Send number; NA Number assigned; SR Response to status request; SS Send status; "
    "XR Changed as requested; XX Changed, unsolicited; AF Refill approved; DF Refill denied; "
    "FU Refilled, unsolicited; PA Parent; CH Child; PR Previous results; UN Unlink; LI Link; DE Data errors",
    "0125": "CE Coded; CWE Coded with exceptions; CX Identifier; DT Date; DTM Date and time; "
    "ED Encapsulated data; FT Formatted text; NM Number; RP Reference; SN Structured number; "
    "ST String; TM Time; TS Time stamp; TX Text; XAD Address; XCN Person; XPN Name; XTN Telephone",
    "0127": "DA Drug; FA Food; MA Miscellaneous; MC Contraindication; EA Environment; AA Animal; PA Plant; LA Pollen",
    "0128": "SV Severe; MO Moderate; MI Mild; U Unknown",
    "0136": "Y Yes; N No",
    "0155": "AL Always; NE Never; ER On error or reject; SU On success",
    "0161": "G Generic allowed; N Substitution not allowed; T Therapeutic substitution allowed",
    "0162": "PO Oral; SC Subcutaneous; IM Intramuscular; IV Intravenous; TP Topical; IH Inhalation; "
    "OP Ophthalmic; NS Nasal; PR Rectal; SL Sublingual",
    "0167": "0 No substitute; 1 Prescriber does not allow; 2 Patient asks for the brand; "
    "3 Pharmacist's choice; 4 Generic not in stock; 5 Brand given as generic; 7 Required by law; 8 Generic not on the market; G Generic; N None; T Therapeutic",
    "0190": "B Business; C Current; H Home; L Legal; M Mailing; O Office; P Permanent; BA Bad address",
    "0191": "AP Application data; AU Audio; FT Formatted text; IM Image; multipart Multipart; NS Non-scanned image; SD Scanned document; SI Scanned image; TEXT Text; TX Text",
    "0200": "A Alias; B At birth; C Adopted; D Display; I Licensing; L Legal; M Maiden; N Nickname; S Pseudonym; U Unspecified",
    "0201": "PRN Primary residence; ORN Other residence; WPN Work; VHN Vacation; ASN Answering service; "
    "EMR Emergency; NET E-mail; BPN Beeper; PRS Personal",
    "0202": "PH Telephone; FX Fax; MD Modem; CP Cell phone; BP Beeper; Internet Internet; X.400 X.400; TDD TDD",
    "0203": "AN Account number; AM American Express; BC Bank card; BR Birth registry; DEA DEA number; "
    "DL Driver's licence; DN Doctor number; EI Employee number; EN Employer number; FILL Filler; "
    "HC Health card; JHN Jurisdictional health number; LN Licence; LR Local registry; MA Medicaid; "
    "MB Member number; MC Medicare; MI Military; MR Medical record; MRT Temporary medical record; "
    "NI National unique person; NPI National provider identifier; PEN Pension; PI Patient internal; "
    "PLAC Placer; PN Person number; PPN Passport; PRN Provider number; PT Patient external; SL State licence; SN Subscriber number; SS Social security; TAX Tax number; U Unspecified; UPIN UPIN; VN Visit number; XX Organization",
    "0206": "A Add; D Delete; U Update; X No change",
    "0207": "A Archive; I Initial load; R Restore; T Current",
    "0211": "ASCII ASCII; 8859/1 Latin 1; 8859/15 Latin 9; UNICODE Unicode",
    "0270": "AR Autopsy; CD Cardiodiagnostics; CN Consultation; DI Diagnostic imaging; DS Discharge summary; "
    "ED Emergency department; HP History and physical; OP Operative; PC Psychiatric consultation; PH Psychiatric history; PN Procedure note; PR Progress note; SP Surgical pathology; TS Transfer summary",
    "0271": "AU Authenticated; DI Dictated; DO Documented; IN Incomplete; IP In progress; LA Legally authenticated; PA Pre-authenticated",
    "0273": "AV Available; CA Deleted; OB Obsolete; UN Unavailable",
    "0278": "Pending Pending; Waitlist Waiting list; Booked Booked; Started Started; Complete Completed; "
    "Cancelled Cancelled; Dc Discontinued; Deleted Deleted; Blocked Blocked; Overbook Overbooked; Noshow No-show",
    "0280": "S Stat; A As soon as possible; R Routine",
    "0281": "LAB Laboratory; RAD Radiology; MED Medical; SKN Skilled nursing; PSY Psychiatric; HOM Home care",
    "0282": "WR Send written report; RP Return patient after evaluation; AM Assume management; SO Second opinion",
    "0283": "A Accepted; P Pending; R Rejected; E Expired",
    "0284": "I Inpatient; O Outpatient; A Ambulatory; E Emergency",
    "0286": "RP Referring provider; PP Primary care provider; CP Consulting provider; RT Referred-to provider",
    "0291": "PDF PDF; JPEG JPEG; TIFF TIFF; RTF RTF; HTML HTML; XML XML; DICOM DICOM; x-hl7-cda-level-one CDA",
    "0299": "A No encoding; Base64 Base64; Hex Hexadecimal",
    "0301": "DNS Internet name; GUID GUID; HCD CEN; HL7 HL7; ISO OID; L Local; M Local; N Local; UUID UUID; CLIA CLIA; NPI NPI",
    "0335": "PRN As needed; BID Twice a day; TID Three times a day; QID Four times a day; QD Once a day",
    "0357": "0 Message accepted; 100 Segment sequence error; 101 Required field missing; "
    "102 Data type error; 103 Table value not found; 104 Value too long; 198 Non-conformant cardinality; "
    "199 Other HL7 error; 200 Unsupported message type; 201 Unsupported event; "
    "202 Unsupported processing id; 203 Unsupported version; 204 Unknown key; 205 Duplicate key; "
    "206 Record locked; 207 Application error",
    "0485": "S Stat; A As soon as possible; R Routine; P Preop; C Callback; T Timing critical; PRN As needed",
    "0516": "E Error; F Fatal error; I Information; W Warning",
    "0834": "application Application; audio Audio; image Image; text Text; multipart Multipart",
    "0396": "99zzz Local; I10 ICD-10; I10C ICD-10-CM; ICD10CM ICD-10-CM; I9 ICD-9; I9C ICD-9-CM; "
    "L Local; LN LOINC; NDC National drug code; RXNORM RxNorm; SCT SNOMED CT; C4 CPT-4; HPC HCPCS; HCPCS HCPCS; UCUM UCUM; NDFRT NDF-RT; HL70335 Repeat pattern",
}

MEANINGS: dict[str, dict[str, str]] = {}
"""By table (`0119`) and code."""

for _table, _entries in _TEXT.items():
    MEANINGS[_table] = {}
    for _entry in _entries.split("; "):
        _code, _, _words = _entry.partition(" ")
        MEANINGS[_table][_code] = _words


def meaning(table: str, code: str) -> str | None:
    """Return what a code of a table (`HL70119`) means; None when it is not told here."""
    return MEANINGS.get(table.removeprefix("HL7"), {}).get(code)
