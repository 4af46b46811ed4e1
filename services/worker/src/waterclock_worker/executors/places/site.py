"""What one run may work with: its parameters, held by the bounds of the place that they name.

First all that can be judged by what is written is, then what the references hold; only then anything is connected to.
What is outside is `BadParams`, which names the bound and the line of configuration that would allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from waterclock.executors.context import GiveUp
from waterclock.model.parameters.place_bounds import place_flaws, unknown_place
from waterclock.model.places import REFERENCES
from waterclock_worker.executors.backup.params import StoreParams
from waterclock_worker.executors.backup.place import Place as Bucket
from waterclock_worker.executors.backup.place import key_of
from waterclock_worker.executors.backup.postgres.connection import (
    Connection,
    connection_of,
    database_in,
    hosts_of,
)
from waterclock_worker.executors.places.place import Place, Places
from waterclock_worker.executors.reach.hosts import Host, plain
from waterclock_worker.executors.reach.references import Listed, permit, secret_of
from waterclock_worker.reporting.outcome import BadParams

_FOLDER = "backups"
_DAYS, _NUMBER = 7, 1
_PORTS = {"https": 443, "http": 80}


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket and a database that a run may use."""

    place: Place
    bucket: Bucket
    source: Connection
    prefix: str


def site_of(places: Places, key: str, params: StoreParams, environment: Mapping[str, str]) -> Site:
    """What the parameters ask for, if their place allows it. `key` is the executor's.

    Raises:
        BadParams: they ask for more.
        GiveUp: a secret or a setting of this worker is missing or wrong; the message names it and shows none.
    """
    place = _place(places, key, params)
    bucket = _bucket(place, params, environment)
    url = _url(place, "connection", params.connection, environment)
    _hold_database(place, params.database, url)
    source = connection_of(url, database=params.database)
    return Site(place=place, bucket=bucket, source=source, prefix=params.prefix or place.prefix or _FOLDER)


def target_of(place: Place, target: str | None, environment: Mapping[str, str]) -> Connection | None:
    """The server that a drill restores on: of the reference, else the place's scratch server; None: the source's.

    Raises:
        BadParams, GiveUp: as `site_of`.
    """
    if target is None and place.scratch is None:
        return None
    return connection_of(_url(place, "target", target, environment), database=None)


def kept(place: Place, *, retention_days: int | None, keep_last: int | None) -> tuple[int, int]:
    """For how many days backups are kept, and how many: by default the greater of our default and the place's floor."""
    days = max(_DAYS, place.retention_days) if retention_days is None else retention_days
    return days, max(_NUMBER, place.keep_last) if keep_last is None else keep_last


def _place(places: Places, key: str, params: StoreParams) -> Place:
    """The place that is named, if all that can be seen of the parameters lies within its bounds."""
    given: dict[str, Any] = {name: value for name, value in msgspec.to_builtins(params).items() if value is not None}
    place = places.by_name.get(params.place)
    if place is None:
        raise BadParams(f"place: {unknown_place(given, places.by_name).message}")
    for flaw in place_flaws(place.spec(None), key, given, stored=True):
        _refuse(place, flaw.pointer[1:], flaw.message)
    for member in sorted(REFERENCES & given.keys()):
        if not any(one.names(given[member]) for one in _allowed(place, member)):
            _refuse(place, member, f"is not what the place {place.name!r} has or lists for it")
    return place


def _bucket(place: Place, params: StoreParams, environment: Mapping[str, str]) -> Bucket:
    name = params.bucket or place.bucket
    if name is None:
        _refuse(place, "bucket", f"is not said, and the place {place.name!r} has none: name it in [{place.name}]")
    endpoint, region = params.endpoint or place.endpoint, params.region or place.region
    host = _host_of(endpoint, region)
    keys: dict[str, str | None] = {"accessKey": params.access_key, "secretKey": params.secret_key}
    found: dict[str, str | None] = {}
    for member, reference in keys.items():
        if reference is None and place.own(member) is None:
            found[member] = None
            continue
        _hold_host(place, member, reference, host)
        found[member] = key_of(member, secret_of(member, _named(place, member, reference), environment))
    if (found["accessKey"] is None) != (found["secretKey"] is None):
        missing = "accessKey" if found["accessKey"] is None else "secretKey"
        raise GiveUp(f"{missing}: of the two keys only the other one is given")
    return Bucket(
        bucket=name, region=region, endpoint=endpoint, access_key=found["accessKey"], secret_key=found["secretKey"]
    )


def _url(place: Place, member: str, reference: str | None, environment: Mapping[str, str]) -> str:
    """A URL that a reference holds, all of whose hosts it is listed with."""
    if reference is None and place.own(member) is None:
        _refuse(place, member, f"is not said, and the place {place.name!r} has none: name it in [{place.name}]")
    url = secret_of(member, _named(place, member, reference), environment)
    for host in hosts_of(connection_of(url, database=_ANY)):
        _hold_host(place, member, reference, host)
    return url


def _hold_database(place: Place, database: str | None, url: str) -> None:
    own = database_in(url)
    if database is not None and database != own and database not in place.databases:
        allowed = ", ".join(dict.fromkeys([*([own] if own else []), *place.databases])) or "none to name"
        _refuse(
            place,
            "database",
            f"is outside the place {place.name!r}, which has {allowed}: add it to `databases` in [{place.name}]",
        )


def _hold_host(place: Place, member: str, reference: str | None, host: Host) -> None:
    try:
        permit(
            member, _named(place, member, reference), _entries(place, member, reference), host, setting=place.setting
        )
    except GiveUp as error:
        raise BadParams(f"{error} {place.hint}") from None


def _entries(place: Place, member: str, reference: str | None) -> tuple[Listed, ...]:
    """What says where a reference may be sent: the place's own word for its own."""
    own = place.own(member)
    if own is not None and (reference is None or own.names(reference)):
        return (own,)
    return place.taken(member)


def _allowed(place: Place, member: str) -> tuple[Listed, ...]:
    own = place.own(member)
    return (*([] if own is None else [own]), *place.taken(member))


def _named(place: Place, member: str, reference: str | None) -> str:
    own = place.own(member)
    if reference is not None:
        return reference
    assert own is not None
    return own.pattern


def _host_of(endpoint: str | None, region: str) -> Host:
    """Where an object store is reached; without an endpoint Amazon's, of its region."""
    if endpoint is None:
        return Host(f"s3.{region}.amazonaws.com", 443)
    try:
        parts = urlsplit(endpoint)
        return Host(plain(parts.hostname or ""), parts.port or _PORTS[parts.scheme])
    except ValueError:
        raise BadParams("endpoint: is not a URL like https://s3.example.com") from None


def _refuse(place: Place, member: str, message: str) -> NoReturn:
    raise BadParams(f"{member}: {message} {place.hint}")


_ANY = "postgres"
"""Some name of a database, where it does not matter which."""
