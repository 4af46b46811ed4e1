"""The judge over what has been: what rules would have told."""
