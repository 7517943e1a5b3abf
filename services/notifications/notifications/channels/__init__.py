"""How a notice reaches a clinic: one module or folder per channel."""
