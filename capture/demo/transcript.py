"""What a demo says: its transcript on stdout, progress on stderr, and a sign of life when a step is silent."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from capture.console import Console, Verbosity
from capture.errors import UserError

_SILENCE_S = 6.0


@dataclass
class _LastLine:
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Transcript(Console):
    """The console of a demo. With ``for_program`` stdout is left to one line of JSON, and the transcript goes to stderr."""

    for_program: bool = False
    _last: _LastLine = field(default_factory=_LastLine)

    def result(self, line: str) -> None:
        """A line of the transcript.

        Raises:
            UserError: nobody reads it any more (a closed pipe).
        """
        self._last.at = time.monotonic()
        try:
            if self.for_program:
                print(line, file=sys.stderr, flush=True)
            else:
                super().result(line)
        except BrokenPipeError as error:
            raise UserError("nobody reads the output any more", hint="leave it open to the end") from error

    def progress(self, line: str) -> None:
        """What is being done."""
        self._last.at = time.monotonic()
        super().progress(line)

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """A ``with`` block that tells of ``what`` and the time it takes whenever nothing was said for 6 s."""
        begun = time.monotonic()
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                if time.monotonic() - self._last.at >= _SILENCE_S:
                    self.progress(f"  still at it: {what} ({time.monotonic() - begun:.0f} s)")

        thread = threading.Thread(target=watch, name="sign of life", daemon=True)
        if self.verbosity > Verbosity.QUIET:
            thread.start()
        try:
            yield
        finally:
            over.set()
