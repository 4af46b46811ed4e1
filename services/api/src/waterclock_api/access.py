"""Who may do what: every route asks for its scope, and one that declares none is refused to all."""

from __future__ import annotations

import logging
from typing import Any, Literal

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from waterclock_api.credentials import ANYBODY, Forbidden, Principal, Unauthenticated
from waterclock_api.keyring import Keyring
from waterclock_api.proxies import Networks, address
from waterclock_api.scopes import Scope
from waterclock_api.secret import PREFIX, read_secret
from waterclock_api.spec import Spec
from waterclock_api.tokens import Tokens

ACCESS = "access"
"""Its name in the application's state."""
_PRINCIPAL = "waterclock_principal"
_ADDRESS = "waterclock_address"

_log = logging.getLogger(__name__)
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Access:
    def __init__(self, keyring: Keyring, tokens: Tokens | None, trusted: Networks = (), *, closed: bool) -> None:
        """`closed`: credentials are asked for even if nobody could show any."""
        self.keyring = keyring
        self._closed = closed
        self._tokens = tokens
        self._trusted = trusted

    @property
    def asked_for(self) -> bool:
        """Whether callers must show who they are. The first key asks for it, and it stays so when that is over."""
        return self._closed or self._tokens is not None or self.keyring.ever

    @property
    def possible(self) -> bool:
        """Whether anybody can show who they are."""
        return self._tokens is not None or self.keyring.live

    def address_of(self, connection: AnyConnection) -> str | None:
        client = connection.scope["client"]
        if client is None:
            return None
        told = [value.decode("latin-1") for name, value in connection.scope["headers"] if name == b"x-forwarded-for"]
        return address(client[0], told, self._trusted)

    async def principal_for(self, connection: AnyConnection, scope: Scope) -> Principal:
        """Who asks, if it may.

        Raises:
            Unauthenticated, Forbidden, CredentialsUnknown: it may not, or that cannot be found out.
        """
        principal = await self._principal_of(connection)
        if not principal.may(scope):
            raise Forbidden(principal, scope)
        return principal

    async def _principal_of(self, connection: AnyConnection) -> Principal:
        if not self.asked_for:
            return ANYBODY
        given = [value for name, value in connection.scope["headers"] if name == b"authorization"]
        if not given:
            raise Unauthenticated("Say who you are: Authorization: Bearer, and a key or a token.", given=False)
        scheme, _, text = given[0].decode("latin-1").partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise Unauthenticated("There must be one Authorization, of the kind Bearer.")
        text = text.strip()
        secret = read_secret(text)
        if secret is not None:
            return self.keyring.principal(secret)
        if text.startswith(PREFIX) or self._tokens is None:
            raise Unauthenticated("The key is not known.")
        return await self._tokens.principal(text)


async def admit(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """Let a request go on to its route, or not; notes for the route who asks, and from where.

    Raises:
        Unauthenticated, Forbidden, CredentialsUnknown: it may not, or that cannot be found out.
    """
    access: Access = connection.app.state[ACCESS]
    spec: Spec | None = handler.opt.get("spec")
    scope: Scope | Literal["open"] = handler.opt.get("scope", "admin") if spec is None else spec.scope
    where = access.address_of(connection)
    state = connection.scope["state"]
    state[_ADDRESS] = where
    if scope == "open":
        return
    try:
        state[_PRINCIPAL] = await access.principal_for(connection, scope)
    except (Unauthenticated, Forbidden) as error:
        if isinstance(error, Forbidden) or error.given:
            _log.info("refused", extra={"reason": str(error), "address": where, "path": connection.scope["path"]})
        raise


def asker(connection: AnyConnection) -> tuple[str, str | None]:
    """Who asks, as events call it, and from where: as `admit` has found."""
    state = connection.scope["state"]
    return state[_PRINCIPAL].name, state[_ADDRESS]
