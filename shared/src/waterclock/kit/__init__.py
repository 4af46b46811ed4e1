"""What every process needs: settings, a clock, chance, telemetry, a way to start and stop."""
