"""The REST door: says what HTTP says, opens the one transaction, calls one handler."""
