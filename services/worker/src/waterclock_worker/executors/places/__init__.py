"""Places: where executors that reach into systems may go, as the worker's configuration says."""
