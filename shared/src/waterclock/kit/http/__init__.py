"""The HTTP client of our own: connections that go to the very address that was checked, and what it may reach."""
