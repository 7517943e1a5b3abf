"""Speaks with clinics' EMRs: keeps every message as it came, reads it, and sends notices back."""
