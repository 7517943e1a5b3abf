"""Commands carried out: takes `tx` first and `now` last; never commits, reads a clock or uses a network."""
