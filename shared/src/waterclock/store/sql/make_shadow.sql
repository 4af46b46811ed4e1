-- Make an empty table beside a live one, of its shape and name, in another schema.
SELECT make_shadow(%(table)s::text::regclass, %(shadow)s::text);
