"""Candidates in the shadow: they compute what the stable version has answered, for nobody, and are compared with it."""
