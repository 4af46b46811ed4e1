"""What was told, what is promised and broken, and what rules would tell."""
