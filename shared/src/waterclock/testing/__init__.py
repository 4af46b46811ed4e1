"""For authors of executors: running one in a test."""
