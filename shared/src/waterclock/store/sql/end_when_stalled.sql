-- Have this session ended, and its transaction undone, when it stands still within one for so many ms.
SELECT set_config('idle_in_transaction_session_timeout', %(ms)s::int::text, false);
