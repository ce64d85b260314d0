"""Runs a command in our stead: its signals, its exit code."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from capture.errors import bad_input

_TERMINATING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_FOREVER_S = 1e9

Handler = Callable[[int, object], None] | signal.Handlers


@contextmanager
def terminating(handler: Handler) -> Iterator[None]:
    """Another ``handler`` for the signals that end a program, for the time of a ``with`` block."""
    before = {number: signal.signal(number, handler) for number in _TERMINATING}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def run_subcommand(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` and pass signals on to it; its exit code, or 128 + N when signal N ended it.

    Raises:
        UserError: (exit code 2) there is no such command.
    """
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if process is None:
            early.append(number)
        elif number != signal.SIGINT or not _at_terminal():
            process.send_signal(number)

    with terminating(pass_on):
        try:
            process = subprocess.Popen(command, env={**os.environ, **environment})
        except OSError as error:
            raise bad_input(
                f"can't run '{command[0]}': {error.strerror}", "is it installed, and in PATH?"
            ) from error
        for number in early:
            process.send_signal(number)
        # With a time-out it looks now and then rather than sleeping in the kernel, where a signal that came just before is not noticed.
        status = process.wait(_FOREVER_S)
    return status if status >= 0 else 128 - status


def _at_terminal() -> bool:
    """Whether Ctrl+C reaches the command by itself: the terminal sends it to the whole foreground group."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
