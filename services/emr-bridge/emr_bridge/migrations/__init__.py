"""The history of emr-bridge's tables."""
