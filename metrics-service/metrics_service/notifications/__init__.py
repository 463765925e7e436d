"""Who is told of alerts, in whose words."""
