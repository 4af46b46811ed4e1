"""What can go wrong with the store, where it is ours to say so; the rest are psycopg's errors."""

from __future__ import annotations

from psycopg.errors import InvalidSchemaName, UndefinedTable

from waterclock.kit.service import Unfit

LACKS_SCHEMA = (UndefinedTable, InvalidSchemaName)
"""What the server answers where our tables are not there: nobody has migrated, or a dump is being restored."""
SCHEMA_MISSING = "the schema is missing: run `waterclock migrate`, or finish the restore"


class StoreUnfit(Unfit):
    """This database must not be used; one line says why and what to do."""


class StoreAway(StoreUnfit):
    """It cannot be used now, for a reason that passes by itself."""
