-- Have this session ended, and its locks given up, when it has not spoken for so many ms.
SELECT set_config('idle_session_timeout', %(ms)s::int::text, false);
