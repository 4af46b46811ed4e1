"""What events change in the read models, and what of a partition they tell when it is repaired."""
