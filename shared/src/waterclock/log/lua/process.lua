#!lua flags=no-writes
-- Tell which server process executes scripts: a connection may lead to another, where a proxy shares out commands.
--
--! keys: meta
--! ungated
--
-- Returns {run_id}.

return cmsgpack.pack({run_id = string.match(call('INFO'), 'run_id:(%w+)')})
