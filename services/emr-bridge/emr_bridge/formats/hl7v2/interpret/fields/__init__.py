"""Pieces that several message types share, each through its ordered fall-backs."""
