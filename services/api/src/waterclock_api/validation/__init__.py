"""What a body must hold beyond its types, and what workers announced of their executors."""
