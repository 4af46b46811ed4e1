"""Hosts and references to secrets, as all executors that reach into systems use them."""
