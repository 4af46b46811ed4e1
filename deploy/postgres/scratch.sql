-- The role that `db.restore-drill` restores as: a dump is a program that runs with its rights, so it may make databases and nothing
-- else. As an administrator of the server for drills, once, and again when the password changes:
--
--   psql --no-psqlrc --quiet --file scratch.sql "$ADMIN_URL" > close.sql
--
-- What it prints are the lines that close the other databases of the server to it; nothing, on a server of its own. Who may enter one
-- of them because everybody may is named there, and may do so afterwards: read them, then let them be run as well (`--file close.sql`).
-- A drill looks at the role each time, and refuses with the lines that are still missing.
--
-- The place's `scratch` is then postgresql://waterclock_scratch:…@host:5432/waterclock_scratch
\getenv scratch WATERCLOCK_SCRATCH_PASSWORD

-- What follows is not to be logged; who may not say that (at many managed services nobody may) gives a verifier (SCRAM-SHA-256$…).
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET client_min_messages = 'warning';
\set ON_ERROR_STOP 1
SET password_encryption = 'scram-sha-256';

SELECT 'CREATE ROLE waterclock_scratch NOINHERIT LOGIN CREATEDB' WHERE to_regrole('waterclock_scratch') IS NULL
\gexec
ALTER ROLE waterclock_scratch CREATEDB PASSWORD :'scratch';
GRANT waterclock_scratch TO CURRENT_USER; -- else only a superuser could give it a database

-- What it may not do is recognised by the server's English words; only a superuser may choose them.
SELECT $$ALTER ROLE waterclock_scratch SET lc_messages = 'C'$$ WHERE current_setting('is_superuser')::bool
\gexec

-- Where it stands while it makes others; nothing is ever restored into it.
SELECT 'CREATE DATABASE waterclock_scratch OWNER waterclock_scratch'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'waterclock_scratch')
\gexec
REVOKE ALL ON DATABASE waterclock_scratch FROM PUBLIC;

\pset tuples_only on
\pset format unaligned
SELECT coalesce('GRANT CONNECT ON DATABASE ' || quote_ident(datname) || ' TO ' || users || E';\n', '')
    || 'REVOKE CONNECT ON DATABASE ' || quote_ident(datname) || ' FROM PUBLIC;'
FROM pg_database, LATERAL (
  SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) AS users FROM pg_roles
  WHERE rolcanlogin AND NOT rolsuper AND rolname <> 'waterclock_scratch' AND NOT EXISTS (
    SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
    WHERE privilege_type = 'CONNECT' AND grantee <> 0 AND pg_has_role(pg_roles.oid, grantee, 'USAGE'))
) AS others
WHERE datallowconn AND datname NOT IN ('postgres', 'template1', 'waterclock_scratch') AND datname !~ '^waterclock_drill_'
  AND EXISTS (
    SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE privilege_type = 'CONNECT' AND grantee = 0)
ORDER BY datname;
