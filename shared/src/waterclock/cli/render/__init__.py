"""How verbs show what the API answered, and what editors are shown of job files."""
