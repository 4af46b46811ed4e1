-- Change nothing, but fail where the user may not write: asked before a restore removes anything elsewhere.
UPDATE partitions SET epoch = epoch WHERE FALSE;
