"""The one database: engine, tables by owner, roles, and one history of migrations."""
