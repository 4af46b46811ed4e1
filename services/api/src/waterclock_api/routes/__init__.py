"""HTTP in, HTTP out: each route reads its request, makes one command or query, and shapes the answer."""
