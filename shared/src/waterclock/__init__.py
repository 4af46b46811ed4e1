"""Waterclock: an event-sourced job scheduler and runner."""
