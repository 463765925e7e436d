"""How every service starts, tells its health, and stops."""
