"""The log beside the archive: whether one goes on from the other, and how a partition is opened and repaired."""
