"""Where attempts execute, and what they can reach there."""
