"""The pulse: how the installation does and what has changed, in one message a second for all who listen."""
