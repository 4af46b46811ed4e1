"""The operator's commands, which work on the stores directly: doctor, key, rebuild, reconcile, restore."""
