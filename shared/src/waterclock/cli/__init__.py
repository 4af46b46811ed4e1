"""The command `waterclock`, and what all its verbs share."""
