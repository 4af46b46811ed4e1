"""Events for other services: from the archive to a stream of theirs, as CloudEvents."""
