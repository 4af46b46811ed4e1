"""What pg_restore says of a role that may not do what a dump asks; all else it fails by is another fault."""

import pytest

from waterclock.model.events import Level
from waterclock_worker.executors.backup.postgres.restore import Refusal

REFUSED = {
    'permission denied to create extension "vector"': """
pg_restore: error: could not execute query: ERROR:  permission denied to create extension "vector"
HINT:  Must be superuser to create this extension.
Command was: CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
""",
    "permission denied for language c; Command was: CREATE FUNCTION public.evil(text) RETURNS integer": """
pg_restore: error: could not execute query: ERROR:  permission denied for language c
Command was: CREATE FUNCTION public.evil(text) RETURNS integer
    LANGUAGE c
    AS '$libdir/refint', 'check_primary_key';
""",
    "only superuser can define a leakproof function": """
pg_restore: error: could not execute query: ERROR:  only superuser can define a leakproof function
Command was: CREATE FUNCTION public.f() RETURNS integer
""",
    "must be superuser to create an operator family": """
pg_restore: error: could not execute query: ERROR:  must be superuser to create an operator family
Command was: CREATE OPERATOR FAMILY public.oc USING btree;
""",
    'permission denied to set parameter "log_statement"': """
pg_restore: error: could not execute query: ERROR:  permission denied to set parameter "log_statement"
""",
    "permission denied to COPY to or from an external program; DETAIL:  Only roles with privileges": """
pg_restore: error: COPY failed for table "t": ERROR:  permission denied to COPY to or from an external program
DETAIL:  Only roles with privileges of the "pg_execute_server_program" role may COPY to or from an external program.
HINT:  Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.
CONTEXT:  SQL statement "COPY (SELECT 1) TO PROGRAM 'true'"
PL/pgSQL function public.checked(integer) line 5 at SQL statement
COPY t, line 1: "1"
""",
    "must be owner of event trigger et": """
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3464; 3466 16389 EVENT TRIGGER et waterclock
pg_restore: error: could not execute query: ERROR:  must be owner of event trigger et
""",
    "must have CREATEROLE": "pg_restore: error: could not execute query: ERROR:  must have CREATEROLE privilege",
    "Only roles with": "pg_restore: error: could not execute query: ERROR:  Only roles with privileges of the role",
    "non-superusers must": "pg_restore: error: could not execute query: ERROR:  non-superusers must use a password",
}
OTHERS = (
    'pg_restore: error: COPY failed for table "checked": ERROR:  new row for relation "checked" violates check "c"',
    'pg_restore: error: could not execute query: ERROR:  extension "postgis" is not available',
    'pg_restore: error: could not execute query: ERROR:  relation "permission denied" does not exist',
    'pg_restore: error: could not execute query: ERROR:  could not extend file "base/1/2": No space left on device',
    "pg_restore: error: connection to server failed: FATAL:  terminating connection due to administrator command",
    "Command was: COMMENT ON TABLE t IS 'permission denied, must be superuser'",
)


def heard(text: str) -> tuple[str | None, list[str]]:
    passed_on: list[str] = []

    def tell(_: Level, line: str) -> None:
        passed_on.append(line)

    refusal = Refusal(tell)
    for line in text.strip().splitlines():
        refusal("error", line)
    return refusal.said, passed_on


@pytest.mark.parametrize(("why", "said"), REFUSED.items())
def test_what_the_role_may_not_do_is_told_with_its_command(why: str, said: str) -> None:
    found, passed_on = heard(said)

    assert found is not None
    assert found.startswith(why)
    assert passed_on == said.strip().splitlines()


@pytest.mark.parametrize("said", OTHERS)
def test_other_faults_are_no_refusals(said: str) -> None:
    assert heard(said)[0] is None
