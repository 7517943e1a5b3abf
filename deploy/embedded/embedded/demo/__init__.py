"""The demonstration: the whole system, stand-ins for the outside, and a story on a fast clock."""
