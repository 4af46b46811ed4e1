"""What the catalogue says of the role of a session, and of every role that it is a member of.

A membership counts with or without INHERIT, SET and ADMIN: what a role could give itself it has.
"""

from __future__ import annotations

import msgspec

from waterclock_worker.executors.backup.postgres.encoding import UTF8, shown
from waterclock_worker.executors.backup.postgres.scratch import Psql

_ENGLISH = ("C", "POSIX", "en", "")
_LOOK = """
WITH RECURSIVE me AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = session_user),
mine (oid) AS (
  SELECT oid FROM me
  UNION SELECT roleid FROM pg_catalog.pg_auth_members JOIN mine ON member = mine.oid
),
beyond AS (SELECT r.* FROM pg_catalog.pg_roles AS r JOIN mine USING (oid) WHERE r.oid <> (SELECT oid FROM me)),
granted (role, grantor, reached) AS (
  SELECT g.roleid, pg_catalog.pg_get_userbyid(g.grantor), ARRAY(
    WITH RECURSIVE up (oid) AS (
      SELECT g.roleid UNION SELECT a.roleid FROM pg_catalog.pg_auth_members AS a JOIN up ON a.member = up.oid
    )
    SELECT oid FROM up
  )
  FROM pg_catalog.pg_auth_members AS g WHERE g.member = (SELECT oid FROM me)
),
elsewhere AS (
  SELECT * FROM pg_catalog.pg_database
  WHERE datname <> pg_catalog.current_database() AND datname !~ '^waterclock_drill_[0-9a-f]{16}_[0-9]+_[0-9]{10}$'
    AND (datname, datdba) <> (SELECT rolname, oid FROM me)
),
connecting AS (
  SELECT d.oid, a.grantee
  FROM elsewhere AS d, pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS a
  WHERE a.privilege_type = 'CONNECT' AND d.datallowconn
)
SELECT pg_catalog.json_build_object(
  'role', rolname, 'superuser', rolsuper, 'createRole', rolcreaterole, 'createDatabase', rolcreatedb OR rolsuper,
  'replication', rolreplication, 'bypassRls', rolbypassrls,
  'version', pg_catalog.current_setting('server_version_num')::int, 'database', pg_catalog.current_database(),
  'messages', pg_catalog.current_setting('lc_messages'), 'encoding', pg_catalog.getdatabaseencoding(),
  'roles', (
    SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', b.rolname, 'predefined', b.oid < 16384,
      'powers', pg_catalog.array_to_json(array_remove(ARRAY[
        CASE WHEN b.rolsuper THEN 'SUPERUSER' END, CASE WHEN b.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN b.rolreplication THEN 'REPLICATION' END, CASE WHEN b.rolbypassrls THEN 'BYPASSRLS' END], NULL)),
      'through', (
        SELECT pg_catalog.json_agg(DISTINCT ARRAY[pg_catalog.pg_get_userbyid(g.role), g.grantor])
        FROM granted AS g WHERE b.oid = ANY (g.reached))
    ) ORDER BY b.rolname), '[]') FROM beyond AS b),
  'databases', (
    SELECT coalesce(pg_catalog.json_agg(one ORDER BY one ->> 'name'), '[]') FROM (
      SELECT pg_catalog.json_build_object(
        'name', d.datname,
        'owner', (SELECT rolname FROM pg_catalog.pg_roles JOIN mine USING (oid) WHERE oid = d.datdba),
        'grantees', (
          SELECT coalesce(pg_catalog.json_agg(DISTINCT r.rolname), '[]') FROM connecting AS c
          JOIN mine ON mine.oid = c.grantee JOIN pg_catalog.pg_roles AS r ON r.oid = c.grantee WHERE c.oid = d.oid),
        'public', EXISTS (SELECT FROM connecting AS c WHERE c.oid = d.oid AND c.grantee = 0),
        'users', (
          SELECT coalesce(pg_catalog.json_agg(r.rolname ORDER BY r.rolname), '[]') FROM pg_catalog.pg_roles AS r
          WHERE r.rolcanlogin AND NOT r.rolsuper AND r.oid <> (SELECT oid FROM me) AND NOT EXISTS (
            SELECT FROM connecting AS c
            WHERE c.oid = d.oid AND c.grantee <> 0 AND pg_catalog.pg_has_role(r.oid, c.grantee, 'USAGE')))
      ) AS one
      FROM elsewhere AS d
      WHERE d.datdba IN (SELECT oid FROM mine)
        OR EXISTS (
          SELECT FROM connecting AS c WHERE c.oid = d.oid AND c.grantee IN (SELECT oid FROM mine UNION SELECT 0))
      ORDER BY d.datname LIMIT 200
    ) AS found),
  'relations', (
    SELECT coalesce(pg_catalog.json_agg(name), '[]') FROM (
      SELECT pg_catalog.encode(pg_catalog.convert_to(
        pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.getdatabaseencoding()), 'hex') AS name
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend
          WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = c.oid AND deptype = 'e')
      ORDER BY 1 LIMIT 4
    ) AS found)
) FROM me;
"""
_PARAMETERS = """
WITH RECURSIVE mine (oid) AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user
  UNION SELECT roleid FROM pg_catalog.pg_auth_members JOIN mine ON member = mine.oid
)
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
  'name', parname, 'privilege', a.privilege_type,
  'grantee', (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = a.grantee))), '[]')
FROM pg_catalog.pg_parameter_acl, pg_catalog.aclexplode(paracl) AS a
WHERE a.grantee IN (SELECT oid FROM mine UNION SELECT 0) AND (parname, a.privilege_type) <> ('lc_messages', 'SET');
"""
"""From PostgreSQL 15 on."""
_TOOLS = """
SELECT coalesce(pg_catalog.json_agg(line), '[]') FROM (
  SELECT pg_catalog.format('FUNCTION %s', p.oid::regprocedure) AS line
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_init_privs AS i ON i.objoid = p.oid AND i.classoid = 'pg_catalog.pg_proc'::regclass
  WHERE p.pronamespace = 'pg_catalog'::regnamespace
    AND pg_catalog.has_function_privilege(session_user, p.oid, 'EXECUTE')
    AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(i.initprivs) AS a WHERE a.grantee = 0)
  UNION ALL
  SELECT pg_catalog.format('FUNCTION %s', p.oid::regprocedure)
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
  JOIN pg_catalog.pg_roles AS o ON o.oid = p.proowner
  WHERE p.oid >= 16384 AND (p.prosecdef OR NOT l.lanpltrusted) AND o.rolname <> session_user
    AND pg_catalog.has_function_privilege(session_user, p.oid, 'EXECUTE')
  UNION ALL
  SELECT pg_catalog.format('FOREIGN DATA WRAPPER %I', fdwname) FROM pg_catalog.pg_foreign_data_wrapper
  WHERE pg_catalog.has_foreign_data_wrapper_privilege(session_user, oid, 'USAGE')
  UNION ALL
  SELECT pg_catalog.format('FOREIGN SERVER %I', srvname) FROM pg_catalog.pg_foreign_server
  WHERE pg_catalog.has_server_privilege(session_user, oid, 'USAGE')
) AS found;
"""
"""What an empty database made of template0 offers the role, and should not: templates can have been written to."""


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """One that the restoring role is a member of; `through`: its own memberships that lead there, and who gave them."""

    name: str
    predefined: bool
    powers: tuple[str, ...]
    through: tuple[tuple[str, str], ...]


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Another database that it may enter, or owns; `users` have nothing but PUBLIC's right to enter."""

    name: str
    owner: str | None
    grantees: tuple[str, ...]
    public: bool
    users: tuple[str, ...]


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of the server that it may write."""

    name: str
    privilege: str
    grantee: str | None
    """None: PUBLIC."""


class Restorer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the catalogue says of the role of a session."""

    role: str
    superuser: bool
    create_role: bool
    create_database: bool
    replication: bool
    bypass_rls: bool
    version: int
    database: str
    messages: str
    roles: tuple[Membership, ...] = ()
    databases: tuple[Elsewhere, ...] = ()
    encoding: str = UTF8
    """Of the database of the session."""
    relations: tuple[str, ...] = ()
    """Of the database of the session, the first few that are neither the system's nor an extension's."""
    parameters: tuple[Parameter, ...] = ()

    @property
    def speaks_english(self) -> bool:
        return self.messages.partition("_")[0].partition(".")[0] in _ENGLISH


async def restorer_of(psql: Psql) -> Restorer:
    """
    Raises:
        ChildExit: the server cannot be reached, or refuses us.
    """
    [(said,)] = await psql.ask(_LOOK)
    restorer = msgspec.json.decode(said, type=Restorer)
    names = tuple(shown(bytes.fromhex(name), restorer.encoding) for name in restorer.relations)  # some have no like
    restorer = msgspec.structs.replace(restorer, relations=names)
    if restorer.version < 150000:
        return restorer
    [(said,)] = await psql.ask(_PARAMETERS)
    return msgspec.structs.replace(restorer, parameters=msgspec.json.decode(said, type=tuple[Parameter, ...]))


async def tools_of(psql: Psql, database: str) -> tuple[str, ...]:
    """What an empty database made of template0 offers the role, and should not: a template can have been written to."""
    [(said,)] = await psql.ask(_TOOLS, database=database)
    return msgspec.json.decode(said, type=tuple[str, ...])
