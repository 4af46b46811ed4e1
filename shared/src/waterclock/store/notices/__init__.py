"""What notifiers keep: what the judge knows, what it has told, and what is still to be delivered."""
