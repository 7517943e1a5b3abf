"""The facts that services tell each other: one module per topic, one registry of all types."""
