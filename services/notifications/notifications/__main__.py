"""Run the service on its own: `python -m notifications`."""

from common.runner import main
from notifications.app import build
from notifications.settings import Settings

if __name__ == "__main__":
    main("notifications", Settings, build)
