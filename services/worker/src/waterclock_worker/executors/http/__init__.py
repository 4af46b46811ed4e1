"""The HTTP client of `http.request`: connections of its own, and what it may reach."""
