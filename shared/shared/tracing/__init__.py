"""What one request went through, in every service, as OpenTelemetry spans; off, it is one look at a variable."""
