"""The object store, as a backup needs it."""
