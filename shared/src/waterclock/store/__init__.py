"""Postgres: the archive of every event, and the read models folded from it."""
