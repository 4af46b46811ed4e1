-- While a statement of this session runs, look every so many ms whether its client is still there, and end it if not.
SELECT set_config('client_connection_check_interval', %(ms)s::bigint::text, false);
