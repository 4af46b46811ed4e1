"""A connection's URL as libpq reads it (`conninfo_uri_parse`): where it and the RFC differ, it is libpq that connects.

A plus is a plus, as only a form's blank is written so. The user ends at the first `@` before any slash, so a password
may hold `?` and `#` as they are, but neither `@` nor `/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from waterclock.executors.context import GiveUp

_HINT = (
    "percent-encode what is neither letter nor digit in the user, the password and the options"
    " (% @ : / ? # & = as %25 %40 %3A %2F %3F %23 %26 %3D)"
)
MALFORMED = f"connection: what the reference holds is not a URL like postgresql://user:password@host:5432/name: {_HINT}"
HOST_MALFORMED = f"connection: the URL's host or port is malformed: {_HINT}"
LIBPQ = frozenset({
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname", "fallback_application_name",
    "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version",
    "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "options", "passfile", "password", "port",
    "replication", "require_auth", "requirepeer", "scram_client_key", "scram_server_key", "service", "servicefile",
    "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl",
    "sslcrldir", "sslkey", "sslkeylogfile", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni",
    "target_session_attrs", "tcp_user_timeout", "user",
})  # fmt: skip
"""Its options up to version 18: no other word of a URL is repeated."""
_PREFIX = re.compile(r"postgres(?:ql)?://")
_USER = re.compile(r"(?P<user>[^@/:]*)(?::(?P<password>[^@/]*))?@")
_HOST = re.compile(r"(?:\[(?P<address>[^\]]+)\](?=[:/?,]|\Z)|(?P<name>[^:/?,\[]*))(?::(?P<port>[^/?,]*))?")
_DATABASE = re.compile(r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?", re.DOTALL)
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_MAY_HOLD = ("password=", "user=", "host=")  # options that may hold an `@` as it is
_NO_HOST = re.compile(r"[^\w.:,%~-]")
_NUMBER = re.compile(r"[0-9]{0,5}(?:,[0-9]{0,5})*", re.ASCII)


def given_in(url: str) -> dict[str, str]:
    """What a URL gives, by libpq's names of options; nothing of what it leaves empty, but for its query.

    Raises:
        GiveUp: libpq could not read it, or would take a part of a password for something else.
    """
    prefix = _PREFIX.match(url)
    if prefix is None:
        raise GiveUp(MALFORMED)
    user = _USER.match(url, prefix.end())
    hosts, ports, end = _hosts(url, prefix.end() if user is None else user.end())
    rest = _DATABASE.fullmatch(url, end)
    if rest is None:
        raise GiveUp(MALFORMED)
    found = {
        "user": user and user["user"], "password": user and user["password"], "host": hosts, "port": ports,
        "dbname": rest["database"],
    }  # fmt: skip
    given = {option: _decoded(value) for option, value in found.items() if value}
    given |= _options(rest["query"] or "")
    if _is_cut(user, hosts, rest) or not _NUMBER.fullmatch(given.get("port", "")):
        raise GiveUp(HOST_MALFORMED)
    return given


def _is_cut(user: re.Match[str] | None, hosts: str, rest: re.Match[str]) -> bool:
    """Whether an `@` or a slash of the password seems to have ended it: a part of it would be a host, and be shown."""
    known = user is not None and user["password"]
    options = [one for one in (rest["query"] or "").split("&") if known or not one.startswith(_MAY_HOLD)]
    return any("@" in one for one in (hosts, rest["database"] or "", *options)) or _NO_HOST.search(hosts) is not None


def _hosts(url: str, at: int) -> tuple[str, str, int]:
    """Hosts and ports, each with commas between, and where they end."""
    hosts: list[str] = []
    ports: list[str] = []
    for found in _each_host(url, at):
        hosts.append(found["address"] or found["name"] or "")
        ports.append(found["port"] or "")
        at = found.end()
    return ",".join(hosts), ",".join(ports), at


def _each_host(url: str, at: int) -> Iterator[re.Match[str]]:
    while (found := _HOST.match(url, at)) is not None:
        yield found
        at = found.end()
        if url[at : at + 1] != ",":
            return
        at += 1


def _options(query: str) -> dict[str, str]:
    """Of several with one name the last counts."""
    given: dict[str, str] = {}
    for one in query.split("&") if query else ():
        option, equals, value = one.partition("=")
        if not equals:
            if one or not given:
                raise GiveUp(MALFORMED)
            continue
        option, value = _decoded(option), _decoded(value)
        if (option, value) == ("ssl", "true"):
            option, value = "sslmode", "require"
        if option not in LIBPQ:
            raise GiveUp(f"{MALFORMED}; it has an option that libpq does not know")
        given[option] = value
    return given


def _decoded(text: str) -> str:
    if _BROKEN.search(text):
        raise GiveUp(MALFORMED)
    return unquote_to_bytes(text.encode(errors="surrogateescape")).decode(errors="surrogateescape")
