"""Every attack, by loading the modules that declare them."""

from tests.redteam import access, authority, exhaustion, logs, results, stores
from tests.redteam.attack import attacks

MODULES = (access, authority, exhaustion, logs, results, stores)
__all__ = ["MODULES", "attacks"]
