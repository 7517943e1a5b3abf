"""The composition of all three services in one process on SQLite: the only room that knows them all."""
