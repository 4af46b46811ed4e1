"""Tells people what became of their jobs."""
