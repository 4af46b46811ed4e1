"""How long traces and metrics may take to be sent, in seconds."""

SEND_MOST_S = 5.0
"""For one batch, with whatever is tried again in it."""
END_MOST_S = 3.0
"""For what is left when the process ends."""
