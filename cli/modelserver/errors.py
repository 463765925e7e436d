"""How a command ends when it does not do what was asked. Each error is one line for the person at the terminal."""


class CommandError(Exception):
    """A command that ends without doing what was asked. `exit_code`: what a script sees."""

    exit_code = 1


class RefusedError(CommandError):
    """What is there is not good enough: a model that differs from its original, a folder that exists already."""


class UsageError(CommandError):
    """The command was asked wrongly, or something that it needs is not installed."""

    exit_code = 2
