"""Who asks, as a request's state has it once it was admitted."""

from __future__ import annotations

from litestar.types import Scope

from waterclock_api.access.credentials import Principal

PRINCIPAL = "waterclock_principal"
ADDRESS = "waterclock_address"
SCOPE = "waterclock_scope"
"""What its route asks for; None: only to know who it is."""


def principal_of(scope: Scope) -> Principal:
    return scope["state"][PRINCIPAL]


def caller_id(scope: Scope) -> str:
    """Whose streams and bytes are counted together: a caller's, or where nobody is asked an address's."""
    state = scope["state"]
    return state[PRINCIPAL].id or state[ADDRESS] or ""
