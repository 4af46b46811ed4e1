"""Routes of the installation: events, what repairs dropped, health, the API page."""
