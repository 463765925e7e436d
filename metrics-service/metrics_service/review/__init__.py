"""What most deserves a person's label: of the record, the predictions from which feedback would tell most."""
