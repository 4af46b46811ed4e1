"""`waterclock bench`: how fast it is on this machine, with a bare loop beside it."""
