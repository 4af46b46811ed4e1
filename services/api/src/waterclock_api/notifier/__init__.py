"""The notifier: archived events → notices → messages.

run ── shares the partitions with other notifiers ── follow, one task for each ── judge ── outbox
    └─ dispatch ── leases messages ── delivery
"""
