"""The verbs that ask the API: a module for each group."""
