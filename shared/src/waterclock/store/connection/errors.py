"""What can go wrong with the store, where it is ours to say so; the rest are psycopg's errors."""

from __future__ import annotations

from waterclock.kit.service import Unfit


class StoreUnfit(Unfit):
    """This database must not be used; one line says why and what to do."""


class StoreAway(StoreUnfit):
    """It cannot be used now, for a reason that passes by itself."""
