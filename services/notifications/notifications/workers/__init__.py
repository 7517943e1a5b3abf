"""The edges that send: each claims rows, talks to the outside, and records what came back."""
