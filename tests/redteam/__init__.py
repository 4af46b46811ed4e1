"""Attacks on a whole installation behind a gateway, by callers with keys: `python -m tests.redteam` prints a table."""
