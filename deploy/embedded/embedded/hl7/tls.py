"""TLS for the tool, from files: 1.2 at least."""

import ssl
from pathlib import Path

from common.errors import Invalid


def client(ca: Path | None, cert: Path | None, key: Path | None, *, verify: bool) -> ssl.SSLContext:
    """Return how the far side is believed, and what is shown to it."""
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if cert:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(error) from error
    return context


def server(cert: Path, key: Path | None, ca: Path | None) -> ssl.SSLContext:
    """Return what is shown to who connects; with `ca`, they must show a certificate of it."""
    try:
        context = ssl.create_default_context(
            ssl.Purpose.CLIENT_AUTH, cafile=str(ca) if ca else None
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(error) from error
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _unusable(error: OSError) -> Invalid:
    return Invalid(f"the certificate, its key or the authority cannot be used ({error.strerror})")
