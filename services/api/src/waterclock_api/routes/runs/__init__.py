"""Routes of runs, one by one and by filter."""
