"""How a worker comes to its runs: sessions, leases, claims, delayed and poison runs."""
