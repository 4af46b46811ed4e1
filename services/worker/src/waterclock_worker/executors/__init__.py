"""The executors that come with the worker."""
