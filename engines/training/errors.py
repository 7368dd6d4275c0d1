"""The error for input that is not as it should be; commands print its message and end with status 1."""

from __future__ import annotations

import sys
from collections.abc import Callable


class InputError(Exception):
    """Says which file or option, what was expected and what was found."""


def run(main: Callable[[], None]) -> None:
    """Runs a command's main function; bad input ends it with a message instead of a traceback."""
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
