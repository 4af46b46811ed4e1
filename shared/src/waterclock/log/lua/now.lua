#!lua flags=allow-oom
-- Read the partition's clock.
--
--! keys: meta
--
-- Returns {now}: ms.

return cmsgpack.pack({now = now})
