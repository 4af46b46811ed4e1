"""What an executor prints and logs, led into the log of its run."""
