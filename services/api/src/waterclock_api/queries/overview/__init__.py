"""What is shown of many jobs at once: what became of their instants, how each of them stands, and what comes next."""
