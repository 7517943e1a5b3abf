"""A small MLLP tool: reads messages from files, sends them, listens, and shows them to people."""
