-- A role for each service, with what its code does and nothing else. As an administrator of the server, in the database, once, and
-- again whenever passwords change; what the roles may do there `waterclock migrate` says, each time it is run:
--
--   psql --no-psqlrc --file roles.sql "$ADMIN_URL"
--
-- | role                 | for                                                      | may                                    |
-- | waterclock_owner     | migrate, key, rebuild, restore, reconcile, doctor        | all, in this database                  |
-- | waterclock_api       | api                                                      | read; note when a key was used         |
-- | waterclock_projector | projector                                                | write all but keys and migrations      |
-- | waterclock_notifier  | notifier                                                 | read all but keys; write notices       |
-- | waterclock_backup    | db.backup of this database                               | read, what is in this database         |
--
-- Without a password for waterclock_notifier nobody can be it, and where it has one that stays: an installation without notifiers needs none.
--
-- waterclock_backup reads what migrations have made and will make here. Another database that it is to back up it is given there
-- (GRANT SELECT ON ALL TABLES …), or has a role of its own; as a member of pg_read_all_data it would read the passwords' verifiers, too.
--
-- Passwords come from the environment; a verifier (SCRAM-SHA-256$…) may stand in place of one, and then nobody sees it.
\getenv owner WATERCLOCK_OWNER_PASSWORD
\getenv api WATERCLOCK_API_PASSWORD
\getenv projector WATERCLOCK_PROJECTOR_PASSWORD
\getenv notifier WATERCLOCK_NOTIFIER_PASSWORD
\getenv backup WATERCLOCK_BACKUP_PASSWORD

-- What follows is not to be logged; who may not say that (at many managed services nobody may) gives verifiers.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET client_min_messages = 'warning';
\set ON_ERROR_STOP 1
SET password_encryption = 'scram-sha-256';

SELECT format('CREATE ROLE %I NOINHERIT LOGIN', name)
FROM unnest(ARRAY[
  'waterclock_owner', 'waterclock_api', 'waterclock_projector', 'waterclock_notifier', 'waterclock_backup'
]) AS name
WHERE to_regrole(name) IS NULL
\gexec

ALTER ROLE waterclock_owner PASSWORD :'owner';
ALTER ROLE waterclock_api PASSWORD :'api';
ALTER ROLE waterclock_projector PASSWORD :'projector';
\if :{?notifier}
ALTER ROLE waterclock_notifier PASSWORD :'notifier';
\endif
ALTER ROLE waterclock_backup INHERIT PASSWORD :'backup';
SELECT 'REVOKE pg_read_all_data FROM waterclock_backup' -- it had that once
WHERE EXISTS (
  SELECT FROM pg_auth_members WHERE roleid = 'pg_read_all_data'::regrole AND member = 'waterclock_backup'::regrole)
\gexec
GRANT waterclock_owner TO CURRENT_USER; -- else only a superuser could hand over what follows

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO waterclock_api, waterclock_projector, waterclock_notifier, waterclock_backup;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO waterclock_owner WITH GRANT OPTION; -- as a role without INHERIT it has none on PostgreSQL 15

-- What an earlier owner has made is the owner's from now on.
ALTER DATABASE :"DBNAME" OWNER TO waterclock_owner;
SELECT format('ALTER TABLE %s OWNER TO waterclock_owner', oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
\gexec
SELECT format('ALTER FUNCTION %s OWNER TO waterclock_owner', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
\gexec

-- All that is there, and what will be: months of the archive come and go between two runs of `migrate`.
SET ROLE waterclock_owner;
GRANT USAGE ON SCHEMA public TO waterclock_backup;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO waterclock_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO waterclock_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO waterclock_backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO waterclock_backup;
RESET ROLE;

SELECT 'SELECT give_rights()' WHERE to_regprocedure('give_rights()') IS NOT NULL
\gexec
