"""The lines of a run: pages of them with their numbers, an outline of all, and plain text."""
