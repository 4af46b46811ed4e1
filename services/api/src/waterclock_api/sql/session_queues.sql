-- Read which queues some sessions of workers serve.
SELECT session, queues
FROM workers
WHERE session = ANY (%(sessions)s::text[]);
