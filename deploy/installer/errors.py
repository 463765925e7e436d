"""Why nothing can be installed, as one line for the person who asked for it."""


class CannotInstallError(Exception):
    """Its text is all that is printed."""


def last_line(text: str) -> str:
    """What a program complained of at last."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it did not say why")
