"""What a process tells of itself: traces, metrics, log lines."""
