"""Why the stack cannot run, as one line for the person who started it."""


class CannotRunError(Exception):
    """Its text is all that is printed."""
