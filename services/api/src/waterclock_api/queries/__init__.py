"""What reads are answered from: the read models, the archive, and for fresh runs the log."""
