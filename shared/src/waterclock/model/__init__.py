"""Facts and decisions: pure functions over values. No I/O, clock, chance or logging in this room."""
