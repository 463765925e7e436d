"""How a kind of model is run; one file per kind."""
