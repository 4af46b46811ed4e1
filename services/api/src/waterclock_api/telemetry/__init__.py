"""What tells of this process: spans, metrics, outages, and whether schedules are decided."""
