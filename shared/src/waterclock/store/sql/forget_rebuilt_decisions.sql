-- Delete from rebuilt tables the decisions of which the events are not kept.
DELETE FROM decisions WHERE decided_at < (SELECT before FROM forgotten WHERE what = 'events');
