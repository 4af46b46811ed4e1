"""Whether a role may restore: what it can reach beyond its scratch databases, and the lines that take that away.

A dump is a program that runs with the rights of the role that restores it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.backup.postgres.role import Elsewhere, Membership, Restorer
from waterclock_worker.executors.backup.postgres.sql import quoted

Where = Literal["scratch", "source"]
NEW_ROLE = "waterclock_scratch"
_SHOWN = 40  # findings in the error, and names in a line
_READING = frozenset({"pg_read_all_data", "pg_write_all_data"})
_GRANTORS = 160000
_DEFAULTS = frozenset({"postgres", "template1"})


class RoleTooWide(GiveUp):
    """The role that would restore may do more than that; the message ends with the lines that mend it."""


class Finding(msgspec.Struct, frozen=True):
    """Something the role may do, and what an administrator says to end it."""

    what: str
    lines: tuple[str, ...]


def judge(restorer: Restorer, *, where: Where, source: str, warn: Callable[[str], None]) -> None:
    """Return if a dump may be run as this role.

    On a server for drills it may reach nothing else. On the source's own, where an operator has said so, it may have
    what it reads the source by: that is told to `warn`.

    Raises:
        RoleTooWide: it may not.
    """
    name = NEW_ROLE if restorer.superuser else restorer.role
    grave = [*_powers(restorer), *_memberships(restorer, reading=False), *_settings(restorer)]
    reach = [*_reading(restorer), *_databases(restorer, name, source=source, own=where == "scratch")]
    if where == "source":
        if reach:
            warn(f"the dump runs as {quoted(restorer.role)} on the source's server: {_told(reach)}")
        found = grave
    else:
        found = [*grave, *reach]
    if found:
        raise RoleTooWide(
            f"the role {quoted(restorer.role)} may not restore, for a dump runs with all its rights:"
            f" {_told(found)}. Lines for an administrator of the server:\n" + "\n".join(_lines(found))
        )


def tools_refused(restorer: Restorer, tools: tuple[str, ...]) -> None:
    """
    Raises:
        RoleTooWide: a new database offers the role what a dump must not have.
    """
    if not tools:
        return
    lines = [f"REVOKE ALL ON {tool} FROM PUBLIC, {quoted(restorer.role)}; -- in template0" for tool in tools[:_SHOWN]]
    raise RoleTooWide(
        f"the role {quoted(restorer.role)} may not restore: a database made of template0 lets it use"
        f" {_several(tools)}. Lines for an administrator of the server:\n" + "\n".join(lines)
    )


def _powers(restorer: Restorer) -> list[Finding]:
    if restorer.superuser:
        role = quoted(NEW_ROLE)
        making = (
            f"CREATE ROLE {role} LOGIN NOINHERIT CREATEDB; -- and give it a password, and name it in the URL",
            f"CREATE DATABASE {role} OWNER {role};",
            f"REVOKE ALL ON DATABASE {role} FROM PUBLIC;",
        )
        return [Finding("it is a superuser", making)]
    found: list[Finding] = []
    role = quoted(restorer.role)
    if restorer.create_role:
        found.append(Finding("it may make roles (CREATEROLE)", (f"ALTER ROLE {role} NOCREATEROLE;",)))
    if restorer.replication:
        found.append(
            Finding("it may read the server as a replica (REPLICATION)", (f"ALTER ROLE {role} NOREPLICATION;",))
        )
    if not restorer.create_database:
        lacks = "it may not make databases, which a drill needs (permission denied to create database)"
        found.append(Finding(lacks, (f"ALTER ROLE {role} CREATEDB;",)))
    return found


def _reading(restorer: Restorer) -> list[Finding]:
    found = _memberships(restorer, reading=True)
    if restorer.bypass_rls and not restorer.superuser:
        line = f"ALTER ROLE {quoted(restorer.role)} NOBYPASSRLS;"
        found.append(Finding("it passes over row security (BYPASSRLS)", (line,)))
    return found


def _memberships(restorer: Restorer, *, reading: bool) -> list[Finding]:
    """In roles that are the server's own, and in others that have a power themselves."""
    if restorer.superuser:
        return []
    return [
        Finding(f"it is a member of {quoted(role.name)}{_with(role.powers)}", _revoked(restorer, role))
        for role in restorer.roles
        if (role.predefined or role.powers) and (role.name in _READING or role.powers == ("BYPASSRLS",)) is reading
    ]


def _settings(restorer: Restorer) -> list[Finding]:
    if restorer.superuser:
        return []
    found: list[Finding] = []
    for one in restorer.parameters:
        grantee = "PUBLIC" if one.grantee is None else quoted(one.grantee)
        line = f"REVOKE {one.privilege} ON PARAMETER {one.name} FROM {grantee};"
        found.append(Finding(f"it may {one.privilege} the parameter {one.name}", (line,)))
    return found


def _databases(restorer: Restorer, role: str, *, source: str, own: bool) -> list[Finding]:
    found: list[Finding] = []
    if own and restorer.relations:
        found.append(
            Finding(
                f"the database {quoted(restorer.database)} of its URL holds {_several(restorer.relations)}",
                (
                    f"CREATE DATABASE {quoted(NEW_ROLE)} OWNER {quoted(role)}; -- and name it in the URL",
                    f"REVOKE ALL ON DATABASE {quoted(NEW_ROLE)} FROM PUBLIC;",
                ),
            )
        )
    for one in restorer.databases:
        is_default = one.name in _DEFAULTS - {source}
        if one.owner is not None and not restorer.superuser:
            found.append(Finding(f"{quoted(one.owner)} owns the database {quoted(one.name)}", _disowned(restorer, one)))
        if (lines := _entered(restorer, one)) and not is_default:
            found.append(Finding(f"it may CONNECT to the database {quoted(one.name)}", lines))
    return found


def _disowned(restorer: Restorer, one: Elsewhere) -> tuple[str, ...]:
    if one.owner == restorer.role:
        return (f"ALTER DATABASE {quoted(one.name)} OWNER TO CURRENT_USER;",)
    return tuple(line for role in restorer.roles if role.name == one.owner for line in _revoked(restorer, role))


def _entered(restorer: Restorer, one: Elsewhere) -> tuple[str, ...]:
    place = f"CONNECT ON DATABASE {quoted(one.name)}"
    lines: list[str] = []
    if one.public:
        others = [quoted(user) for user in one.users]
        if others:
            lines.append(f"GRANT {place} TO {', '.join(others)};")
        lines.append(f"REVOKE {place} FROM PUBLIC;")
    if not restorer.superuser:
        named = [grantee for grantee in one.grantees if grantee != one.owner]
        lines += [f"REVOKE {place} FROM {quoted(grantee)};" for grantee in named if grantee == restorer.role]
        for role in restorer.roles:
            if role.name in named:
                lines += _revoked(restorer, role)
    return tuple(lines)


def _revoked(restorer: Restorer, role: Membership) -> tuple[str, ...]:
    """From 16 on a membership is given by somebody, and only taken back by naming them."""
    lines: list[str] = []
    for direct, grantor in role.through:
        by = f" GRANTED BY {quoted(grantor)}" if restorer.version >= _GRANTORS else ""
        lines.append(f"REVOKE {quoted(direct)} FROM {quoted(restorer.role)}{by};")
    return tuple(lines)


def _with(powers: tuple[str, ...]) -> str:
    return f" ({', '.join(powers)})" if powers else ""


def _told(found: list[Finding]) -> str:
    return _several(tuple(one.what for one in found), "; ")


def _several(things: tuple[str, ...], between: str = ", ") -> str:
    more = f"{between}and {len(things) - _SHOWN} more" if len(things) > _SHOWN else ""
    return between.join(things[:_SHOWN]) + more


def _lines(found: list[Finding]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(line for one in found for line in one.lines))
