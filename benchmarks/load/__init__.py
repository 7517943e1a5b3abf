"""Who sends: one program per kind of door."""
