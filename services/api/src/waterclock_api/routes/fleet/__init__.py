"""Routes of workers and queues."""
