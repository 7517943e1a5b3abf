"""The history of notifications' tables."""
