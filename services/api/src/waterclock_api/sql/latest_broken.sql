-- Read the number of the promise that was found to be broken last.
SELECT coalesce(max(number), 0) FROM broken_promises;
