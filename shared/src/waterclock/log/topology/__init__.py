"""Which server holds which partition: one server, sentinels, or a cluster."""
