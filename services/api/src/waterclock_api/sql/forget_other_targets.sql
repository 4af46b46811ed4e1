-- Forget what was found of jobs that name an executor by what is no name of it any more.
DELETE FROM unfit_jobs WHERE executor = %(executor)s::text AND target <> ALL(%(targets)s::text[]);
