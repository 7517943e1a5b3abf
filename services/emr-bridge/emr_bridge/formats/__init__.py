"""The standards' languages. Pure: bytes in, values out; no sockets, tables, clocks or logs."""
