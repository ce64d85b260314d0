"""What the benchmarks' commands share."""

import sys

from capture.errors import bad_input


def assignment(text: str) -> tuple[str, str]:
    """NAME and VALUE of ``NAME=VALUE``.

    Raises:
        UserError: (exit code 2) it is none.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise bad_input(f"--env: '{text}' is not NAME=VALUE", "for example --env CAPTURE_BUFSIZE=32768")
    return name, value


def exit_on_signal(number: int, _frame: object) -> None:
    """A signal handler that ends the program through all its ``finally`` blocks."""
    sys.exit(128 + number)
