"""Live events: from one reader for each partition to all clients, as server-sent events."""
