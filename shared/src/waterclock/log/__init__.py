"""The log in Valkey or Redis: one script for each command, and streams of events that everybody reads."""
