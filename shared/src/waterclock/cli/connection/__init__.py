"""Which API a verb speaks to: options, variables, contexts."""
