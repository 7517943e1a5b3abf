"""HL7 v2 (ER7): reading any bytes without raising, acknowledging, interpreting and building."""
