"""A folder for the path of processes whose host is to be ahead; it is not imported by name."""
