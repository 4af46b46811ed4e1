"""What changes something: each command checks, appends to the log, and answers a repeated call as the first."""
