"""What crosses a service boundary: contracts, tables and migrations, and the runtime every service starts with."""
