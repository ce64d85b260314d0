"""Ctrl+C, SIGTERM and a closed terminal, so that whatever was begun is removed wherever they hit.

The first signal raises, but only where the demo says so, and only once; what follows is counted. So nothing can break into the
cleaning up, which looks at `Interruptions.signals` to see whether it should hurry.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from capture.subcommand import terminating


class Interruptions:
    """The signals that came since `installed`."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        """Their numbers, in order."""
        self.broke_off = False
        """Whether the first of them has raised."""
        self._raising = False
        self._holding = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals for the time of a ``with`` block."""
        with terminating(self._on_signal):
            yield

    @contextmanager
    def raising(self) -> Iterator[None]:
        """A ``with`` block that the first signal breaks off.

        Raises:
            KeyboardInterrupt: by Ctrl+C.
            SystemExit: by another signal N; the code is 128 + N.
        """
        self._raising = True
        try:
            self.break_off()
            yield
        finally:
            self._raising = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within `raising`, a block that is short and must not be torn: a signal raises at its end."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        self.break_off()

    def break_off(self) -> None:
        """Raise as `raising` does when there was a signal that has not raised yet."""
        if self.signals and not self.broke_off:
            self.broke_off = True
            if self.signals[0] == signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(128 + self.signals[0])

    def _on_signal(self, number: int, _frame: object) -> None:
        self.signals.append(number)
        if self._raising and not self._holding:
            self.break_off()
