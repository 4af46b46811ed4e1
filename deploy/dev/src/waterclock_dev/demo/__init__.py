"""`waterclock demo`: the whole of it in half a minute, for a newcomer."""
