"""Verbs of `waterclock notices` that ask the API; those that read files and channels are the notifier's own."""
