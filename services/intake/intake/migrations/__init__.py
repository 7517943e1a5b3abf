"""The history of intake's tables."""
