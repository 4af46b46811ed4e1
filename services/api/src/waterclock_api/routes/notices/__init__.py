"""Routes of notices: what was told, what is promised, and what rules would tell."""
