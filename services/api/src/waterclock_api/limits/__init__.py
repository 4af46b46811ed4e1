"""What one client may take of this process: memory, connections, threads, turns of the event loop."""
