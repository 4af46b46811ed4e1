"""What is asked of the log: each command is one script, executed once however often it is sent."""
