"""The way to a server of the log: connections, scripts, errors, and what is checked before a call."""
