"""Honest stand-ins for the outside, on loopback only: for demo and tests, never for a service."""
