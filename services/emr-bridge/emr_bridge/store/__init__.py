"""Rows. Knows tables and SQL; decides nothing."""
