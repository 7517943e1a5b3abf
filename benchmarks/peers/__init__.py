"""Servers and loops to compare with: each a program of its own, none of it ours to ship."""
