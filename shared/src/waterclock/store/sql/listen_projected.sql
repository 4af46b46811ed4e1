-- Hear of every projection.
LISTEN waterclock_projected
