"""What a command needs only once it does its work, imported when it is first named: `late.system.compose`.

So `--help`, completion and mistyped options wait for no service. Checkers read the imports below.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common import migrations as migrations
    from common import runner as runner
    from embedded import system as system
    from embedded.checks import everything as everything
    from embedded.cli import failures as failures
    from embedded.cli import letters as letters
    from embedded.demo import play as play
    from simulators import fax_gateway as fax_gateway
    from simulators import webhook_receiver as webhook_receiver
else:
    PLACES = {
        "everything": "embedded.checks.everything",
        "failures": "embedded.cli.failures",
        "fax_gateway": "simulators.fax_gateway",
        "letters": "embedded.cli.letters",
        "migrations": "common.migrations",
        "play": "embedded.demo.play",
        "runner": "common.runner",
        "system": "embedded.system",
        "webhook_receiver": "simulators.webhook_receiver",
    }

    def __getattr__(name: str) -> ModuleType:
        """Import the module of that name (PEP 562)."""
        if name not in PLACES:
            raise AttributeError(name)
        return import_module(PLACES[name])
