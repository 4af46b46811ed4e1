"""The verbs that speak to a running API, for people and scripts."""
