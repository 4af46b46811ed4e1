-- When a clock may next say something about a fact of a partition, ms.
SELECT (extract(epoch FROM min(due_at)) * 1000)::bigint FROM notice_facts WHERE partition = %(partition)s::int;
