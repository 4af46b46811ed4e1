"""What executors may be sent, and where they may go."""
