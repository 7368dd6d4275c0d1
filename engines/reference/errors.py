"""The one error of the reference: it names the file or field, what was expected and what was found."""


class InputError(Exception):
    """An input, a model or an option is not what it should be; the message is for the person who called."""
