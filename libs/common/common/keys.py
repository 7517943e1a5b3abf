"""Where the sealing keys come from: the settings, or a file that embedded mode makes for itself."""

import contextlib
import os
import tempfile
from pathlib import Path

from common.errors import Misconfigured
from common.sealing import Keys, Sealer, new_key, parse_keys
from common.settings import SharedSettings


def sealer_from(settings: SharedSettings) -> Sealer:
    """Return the sealer for the configured keys; Misconfigured when they cannot be used."""
    return keys_from(settings).sealer()


def keys_from(settings: SharedSettings) -> Keys:
    """Return the configured keys; embedded mode makes and keeps a key of its own.

    Raises Misconfigured when the event log is shared (Kafka) and no key is given.
    """
    if settings.sealing_keys is not None:
        return parse_keys(settings.sealing_keys.get_secret_value())
    if settings.key_file is None:
        raise Misconfigured("SEALING_KEYS must be set when services share a log over the network")
    return parse_keys(_own_keys(settings.key_file))


def _own_keys(path: Path) -> str:
    """Return the keys in the file; of several processes that find none, the first one's are kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".sealing-") as draft:
            draft.write(new_key("embedded-1"))
            draft.flush()
            os.fsync(draft.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text()
