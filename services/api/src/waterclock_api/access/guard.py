"""Who may do what: every route asks for its scope, and one that declares none is refused to all."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope as AsgiScope

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry.repeated_lines import Repeats
from waterclock_api.access.anonymous import check_direct
from waterclock_api.access.api_keys import ApiKeyCache
from waterclock_api.access.credentials import (
    ANYBODY,
    EndOfGrant,
    Forbidden,
    GrantEnded,
    Principal,
    Unauthenticated,
)
from waterclock_api.access.csrf import CsrfProtection
from waterclock_api.access.principal import ADDRESS, PRINCIPAL, SCOPE
from waterclock_api.access.proxies import Networks, address
from waterclock_api.access.rate_limit import Buckets, Pace, TooManyRequests, pace_of, whose
from waterclock_api.access.scopes import Scope
from waterclock_api.access.secret import PREFIX, read_secret

if TYPE_CHECKING:
    from waterclock_api.access.jwt import Tokens  # imported where an issuer is trusted

ACCESS = "access"
"""Its name in the application's state."""


class Declared(Protocol):
    """What is asked here of what a route declares."""

    @property
    def scope(self) -> Scope | Literal["open", "caller", "probe"]: ...


_repeats = Repeats(logging.getLogger(__name__))
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Requests a second, where credentials are asked for; 0: as many as they like."""

    caller: float = 0
    """Of one caller, whose key says nothing else."""
    address: float = 0
    """From one address, with no credentials or wrong ones."""


class Access:
    def __init__(
        self,
        keyring: ApiKeyCache,
        tokens: Tokens | None,
        trusted: Networks = (),
        *,
        clock: Clock,
        closed: bool,
        limits: Limits,
        csrf: CsrfProtection,
    ) -> None:
        """`closed`: credentials are asked for even if nobody could show any."""
        self.keyring = keyring
        self.csrf = csrf
        self._closed = closed
        self._tokens = tokens
        self._trusted = trusted
        self._callers, self._strangers = Buckets(clock), Buckets(clock)
        self._pace, self._strange_pace = pace_of(limits.caller), pace_of(limits.address)

    @property
    def asked_for(self) -> bool:
        """Whether callers must show who they are.

        The first key asks for it, and it stays so when that is over; while the keys cannot be read, one may be there.
        """
        return self._closed or self._tokens is not None or self.keyring.ever or not self.keyring.known

    @property
    def possible(self) -> bool:
        """Whether anybody can show who they are."""
        return self._tokens is not None or self.keyring.live

    def address_of(self, connection: AnyConnection) -> str | None:
        client = connection.scope["client"]
        if client is None:
            return None
        if not self._trusted:
            return client[0]
        told = [value.decode("latin-1") for name, value in connection.scope["headers"] if name == b"x-forwarded-for"]
        return address(client[0], told, self._trusted)

    async def principal_for(self, connection: AnyConnection, scope: Scope | None, where: str | None) -> Principal:
        """Who asks, if it may; `scope` None: whatever it may.

        Raises:
            Unauthenticated, Forbidden, CredentialsUnknown: it may not, or that cannot be found out.
            TooManyRequests: it asks too often, or too many that are not known ask from there.
        """
        if not self.asked_for:
            return ANYBODY
        try:
            principal = await self._shown(connection, where)
        except Unauthenticated:
            self.count_stranger(where)
            raise
        pace = self.pace_of(principal)
        if pace is not None and (after := self._callers.take(principal.id, pace)):
            raise _too_many(principal.name, pace, after)
        return _let_in(principal, scope)

    async def principal_still(self, connection: AnyConnection, scope: Scope | None, where: str | None) -> Principal:
        """Who asks, if it may do so still, since `principal_for` let it in; that is no further request.

        Raises:
            Unauthenticated, Forbidden, CredentialsUnknown: it may not any more, or that cannot be found out.
            TooManyRequests: its token is not remembered, and too many that are not known ask from there.
        """
        return _let_in(await self._shown(connection, where), scope) if self.asked_for else ANYBODY

    def pace_of(self, principal: Principal) -> Pace | None:
        """How often it may ask; None: as often as it likes."""
        return principal.pace or self._pace if self.asked_for else None

    def count_stranger(self, where: str | None) -> None:
        """
        Raises:
            TooManyRequests: so many have come from there.
        """
        pace = self._strange_pace
        if pace is not None and self.asked_for and (after := self._strangers.take(whose(where), pace)):
            raise _too_many(f"{where}, without valid credentials,", pace, after)

    def grant(self, asked: AsgiScope) -> GrantEnded:
        """What tells later whether a caller that `admit` has let in would be let in to the same still."""
        scope: Scope | None = asked["state"][SCOPE]
        assert scope is not None, "a stream asks for a scope"
        if asked["state"][PRINCIPAL] is ANYBODY:
            return self._is_asked_now
        given = next(value for name, value in asked["headers"] if name == b"authorization")
        text = given.decode("latin-1").partition(" ")[2].strip()
        secret = read_secret(text)
        if secret is not None:
            return partial(self.keyring.ended, secret, scope)
        seen = None if self._tokens is None else self._tokens.seen(text)
        if self._tokens is None or seen is None:
            return _unknown  # so many tokens came since that it is not remembered
        return partial(self._tokens.ended, seen, scope)

    def _is_asked_now(self) -> EndOfGrant | None:
        return ("credentialsRequired" if self.keyring.known else "credentialsUnknown") if self.asked_for else None

    async def _shown(self, connection: AnyConnection, where: str | None) -> Principal:
        given = [value for name, value in connection.scope["headers"] if name == b"authorization"]
        if not given:
            raise self._refused(
                "Missing credentials: send Authorization: Bearer and an API key or a token.", given=False
            )
        scheme, _, text = given[0].decode("latin-1").partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise self._refused("Send one Authorization header, with the scheme Bearer.")
        text = text.strip()
        secret = read_secret(text)
        if secret is not None:
            return self.keyring.principal(secret)
        if text.startswith(PREFIX) or self._tokens is None:
            raise self._refused("Unknown API key.")
        known = await self._tokens.known(text)
        if known is not None:
            return known
        pace = self._strange_pace
        if pace is not None and (after := self._strangers.wait(whose(where), pace)):
            raise _too_many(f"{where}, without valid credentials,", pace, after)  # to check a signature takes its time
        return await self._tokens.principal(text)

    def _refused(self, message: str, *, given: bool = True) -> Unauthenticated:
        """
        Raises:
            CredentialsUnknown: what there is to be shown is not known, so neither is that this is not good.
        """
        self.keyring.check_known()
        return Unauthenticated(message, given=given)


def _let_in(principal: Principal, scope: Scope | None) -> Principal:
    """
    Raises:
        Forbidden: it lacks the scope.
    """
    if scope is not None and not principal.may(scope):
        raise Forbidden(principal, scope)
    return principal


def _unknown() -> EndOfGrant:
    return "credentialsUnknown"


def _too_many(who: str, pace: Pace, after: float) -> TooManyRequests:
    often = f"{1 / pace.gap:g} requests per second, {pace.burst:g} at once"
    return TooManyRequests(f"Rate limit exceeded: {who} may send {often}. Try again in {after:.2g} s.", pace, after)


async def admit(connection: AnyConnection) -> None:
    """Let a request go on to its route, or not; notes for the route who asks, and from where.

    Raises:
        Unauthenticated, Forbidden, CredentialsUnknown, TooManyRequests: it may not, or that cannot be found out.
        Misdirected, CrossSite, Proxied: nobody is asked who it is, and it may not come from this machine.
    """
    access: Access = connection.app.state[ACCESS]
    if not access.asked_for:
        check_direct(connection.scope)
        access.csrf.check(connection.scope)
    handler: BaseRouteHandler = connection.scope["route_handler"]
    spec: Declared | None = handler.opt.get("spec")
    where = access.address_of(connection)
    state = connection.scope["state"]
    state[ADDRESS] = where
    declared: Scope | Literal["open", "caller", "probe"]
    declared = handler.opt.get("scope", "admin") if spec is None else spec.scope
    if declared == "probe":
        return
    if declared == "open":
        access.count_stranger(where)
        return
    scope = state[SCOPE] = None if declared == "caller" else declared
    try:
        state[PRINCIPAL] = await access.principal_for(connection, scope, where)
    except (Unauthenticated, Forbidden, TooManyRequests) as error:
        if not isinstance(error, Unauthenticated) or error.given:
            about = {"reason": str(error), "address": where, "path": connection.scope["path"]}
            _repeats.say("refused", f"{type(error).__name__} {whose(where)}", about)
        raise


async def admit_still(connection: AnyConnection) -> None:
    """Look again at who asks, for a body may come long after what stands before it.

    Raises:
        Unauthenticated, Forbidden, CredentialsUnknown, TooManyRequests: it may not any more.
    """
    access: Access = connection.app.state[ACCESS]
    state = connection.scope["state"]
    state[PRINCIPAL] = await access.principal_still(connection, state[SCOPE], state[ADDRESS])


def asker(connection: AnyConnection) -> tuple[str, str | None]:
    """Who asks, as events call it, and from where: as `admit` has found."""
    state = connection.scope["state"]
    return state[PRINCIPAL].name, state[ADDRESS]


def may(connection: AnyConnection, scope: Scope) -> bool:
    """Whether who asks may do that too, besides what the route asks for."""
    principal: Principal = connection.scope["state"][PRINCIPAL]
    return principal.may(scope)


def grant_of(scope: AsgiScope) -> GrantEnded:
    """What tells, for as long as an answer lasts, whether its caller would be let in still, as `admit` has found it."""
    access: Access = scope["litestar_app"].state[ACCESS]
    return access.grant(scope)
