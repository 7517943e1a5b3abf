"""Run the service on its own: `python -m intake`."""

from common.runner import main
from intake.app import build
from intake.settings import Settings

if __name__ == "__main__":
    main("intake", Settings, build)
