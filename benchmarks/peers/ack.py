"""An accept in as few steps as it takes: what a server answers that looks at MSH and nothing else."""


def accept(message: bytes) -> bytes:
    """Return an ACK of a message, its parties exchanged."""
    fields = message.split(b"\r", 1)[0].split(b"|")
    head = [b"MSH", fields[1], fields[4], fields[5], fields[2], fields[3], fields[6], b"", b"ACK"]
    head += [b"A" + fields[9], fields[10], fields[11]]
    return b"|".join(head) + b"\rMSA|AA|" + fields[9] + b"\r"
