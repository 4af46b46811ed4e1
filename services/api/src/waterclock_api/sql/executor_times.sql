-- Read when workers last announced each executor.
SELECT key, announced_at FROM executors;
