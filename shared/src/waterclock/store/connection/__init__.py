"""The way to Postgres: the pool, its lanes, sessions, permissions, and what passes by itself."""
