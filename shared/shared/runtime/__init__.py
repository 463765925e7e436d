"""What every service starts with: settings, logging, request ids, errors, health, telemetry."""
