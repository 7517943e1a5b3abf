"""How bytes travel: framing and sockets. Knows no HL7 and no database."""
