"""Backups of PostgreSQL: what is asked, how long it may take, and where backups lie."""
