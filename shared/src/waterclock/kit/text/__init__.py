"""Texts on their way to people: escaped, encoded, and worded."""
