"""The error that a person can mend: a wrong configuration, a log that cannot be read, a model that is not there."""


class UserError(ValueError):
    """What was asked cannot be done; the message says what is wrong, where, what was expected and what to do."""
