"""The instants that schedules name, and what becomes of each."""
