-- Have this transaction find a schema's tables before the live ones.
SELECT set_config('search_path', %(shadow)s::text || ', ' || current_setting('search_path'), true);
