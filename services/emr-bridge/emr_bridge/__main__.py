"""Run the service on its own: `python -m emr_bridge`."""

from common.runner import main
from emr_bridge.app import build_alone
from emr_bridge.settings import Settings

if __name__ == "__main__":
    main("emr-bridge", Settings, build_alone)
