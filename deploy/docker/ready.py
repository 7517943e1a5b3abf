"""The image's health check: `ready.py INTAKE_PORT 8001` asks /readyz at the port that the setting names.

Says what is missing and leaves with 1 where the service cannot do its work. Standard library only.
"""

import http.client
import json
import os
import sys

SECONDS = 5.0
"""A service tries each of its own checks for 2 s at most."""


def ask(port: int) -> tuple[bool, str]:
    """Return whether the service is ready, and what it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = json.loads(answer.read())
        return answer.status == http.HTTPStatus.OK, json.dumps(told["checks"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return False, f"no answer: {type(error).__name__}"
    finally:
        connection.close()


def main(setting: str, default: str) -> int:
    """Print what the service says; return the exit code that Docker expects."""
    ready, said = ask(int(os.environ.get(setting, default)))
    sys.stdout.write(said + "\n")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
