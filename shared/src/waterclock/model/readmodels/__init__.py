"""What events change in the read models."""
