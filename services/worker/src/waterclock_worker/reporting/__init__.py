"""What an attempt tells, on its way to the log."""
