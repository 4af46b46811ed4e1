"""What a user of Postgres lacks the right for, in one line."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege

from waterclock.store.connection.connect import line_of
from waterclock.store.connection.errors import StoreUnfit


@contextmanager
def rights(url: str) -> Generator[None]:
    """What is done meanwhile needs rights that the user of the URL may lack.

    Raises:
        StoreUnfit: it does.
    """
    try:
        yield
    except InsufficientPrivilege as error:
        user = conninfo_to_dict(url).get("user", "of this process")
        said = f"The user {user} of WATERCLOCK_POSTGRES_URL lacks a permission: {line_of(error)}"
        raise StoreUnfit(
            f"{said}. `waterclock migrate` grants services their permissions; run operator commands as the owner."
        ) from error
