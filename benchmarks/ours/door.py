"""emr-bridge's MLLP door without the rest of the service: python -m benchmarks.ours.door PORT URL."""

import sys
import tempfile
from pathlib import Path

import uvloop
from pydantic import SecretStr
from tests.system.trio import KEYS

from common import logs
from common.database import Database
from common.eventlog.sqlite import SqliteEventLog
from common.keys import sealer_from
from common.service import Runtime
from common.settings import SharedSettings
from emr_bridge.links.listener import Listener
from emr_bridge.transports.mllp import Limits


async def main(port: int, url: str) -> None:
    """Keep and answer until killed; nobody reads what is kept."""
    logs.configure(level="info", form="json")
    with tempfile.TemporaryDirectory() as folder:
        settings = SharedSettings(data_dir=Path(folder), sealing_keys=SecretStr(KEYS))
        log = SqliteEventLog(Path(folder) / "events.db")
        runtime = Runtime(db=Database(url), log=log, sealer=sealer_from(settings))
        await Listener(runtime, Limits()).run("127.0.0.1", port)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
