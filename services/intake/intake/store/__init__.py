"""Rows: one module per noun. Takes the transaction and never commits it; seals what is of people."""
