"""Client libraries of other model servers, each in an environment of its own: they cannot be installed together."""
