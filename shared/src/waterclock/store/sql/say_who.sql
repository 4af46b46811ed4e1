-- Until the transaction ends: which verb changes keys, who says to use it, and why.
SELECT set_config('waterclock.verb', %(verb)s, true),
       set_config('waterclock.said_by', %(said_by)s, true),
       set_config('waterclock.reason', %(reason)s, true);
