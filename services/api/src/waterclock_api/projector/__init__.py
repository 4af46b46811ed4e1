"""The projector, a process of its own: from the streams of the log into the archive and the read models."""
