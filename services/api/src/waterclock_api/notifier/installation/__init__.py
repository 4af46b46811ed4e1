"""The installation itself, watched beside what happens in it: by each notifier, over all partitions.

look ──► patience ──► incidents ─┬─ Postgres answers: recorded, and sent by whoever delivers
  │                              └─ it does not: sent from memory, and recorded when it does again
  └──► is all well? ──► heartbeat
"""
