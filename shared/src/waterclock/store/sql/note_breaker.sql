-- Note who disables jobs as the breaker.
INSERT INTO notice_breakers (actor) VALUES (%(actor)s) ON CONFLICT DO NOTHING;
