"""How verbs show what the API answered."""
