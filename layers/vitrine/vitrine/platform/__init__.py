"""What every room shares: HTTP entry, errors, AWS clients, retries, settings, telemetry."""
