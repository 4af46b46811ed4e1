"""What libpq would read from the environment: nothing of it is meant for a server of our own."""

import os
from collections.abc import Mapping

from psycopg import pq

VARIABLES = frozenset(
    {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    | {"PGDATESTYLE", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ"}
)


def without(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in VARIABLES}


def forget() -> None:
    """Let no connection of this process read it."""
    for name in VARIABLES:
        os.environ.pop(name, None)
