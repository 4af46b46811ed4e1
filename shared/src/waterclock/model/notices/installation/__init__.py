"""The installation itself: what a look at it sees, what is wrong with that, and what is told of it.

looks ──► signs ──► findings ──► incidents ──► notices
  └──► wellness ──► heartbeat
"""
