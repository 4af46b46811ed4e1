-- End the session of `pid`; its transaction is undone.
SELECT pg_terminate_backend(%(pid)s::int);
