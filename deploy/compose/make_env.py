"""Writes deploy/compose/.env with fresh passwords, tokens and a sealing key; keeps one that is there.

    python3 deploy/compose/make_env.py

Standard library only. Lose SEALING_KEYS and everything that was sealed is lost with it.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

PASSWORDS = (
    "POSTGRES_PASSWORD",
    "INTAKE_DATABASE_PASSWORD",
    "EMR_BRIDGE_DATABASE_PASSWORD",
    "NOTIFICATIONS_DATABASE_PASSWORD",
    "INTAKE_API_TOKEN",
    "EMR_BRIDGE_API_TOKEN",
    "NOTIFICATIONS_API_TOKEN",
    "GRAFANA_PASSWORD",
)


def fresh() -> str:
    """Return the text of a new file; hexadecimal passwords need no quoting in a URL."""
    key = base64.b64encode(os.urandom(32)).decode()
    lines = [f"{name}={secrets.token_hex(24)}" for name in PASSWORDS]
    return "\n".join([*lines, f"SEALING_KEYS=compose-1:{key}", ""])


def main(path: Path) -> int:
    """Create the file, readable by its owner alone; return the exit code."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        sys.stderr.write(f"{path} is there already and was left as it is\n")
        return 1
    with os.fdopen(handle, "w") as file:
        file.write(fresh())
    sys.stdout.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).with_name(".env")))
