"""Cron expressions: read, compiled, described, and walked in their zone."""
