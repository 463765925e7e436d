"""Every prediction on record: in Postgres, or in a journal while that is away."""
