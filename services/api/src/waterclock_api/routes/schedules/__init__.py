"""Routes of schedules: previews, simulated outages, and the ledger."""
