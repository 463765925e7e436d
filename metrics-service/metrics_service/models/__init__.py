"""Which models, versions and tasks there are: a question about one that there is not is a 404, not a healthy zero."""
