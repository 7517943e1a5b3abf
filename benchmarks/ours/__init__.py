"""The product as a contender: its real processes, with a clinic whose EMR the messages come from."""
