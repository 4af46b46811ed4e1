"""PostgreSQL, as a backup needs it: connections, its programs, dumps, scratch databases."""
