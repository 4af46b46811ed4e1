-- What is forgotten, and before when, ms.
SELECT what, (extract(epoch FROM before) * 1000)::bigint FROM forgotten;
