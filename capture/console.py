"""Where the words of a long call go: results to one place, progress to another."""

import sys
from dataclasses import dataclass
from enum import IntEnum


class Verbosity(IntEnum):
    """How much of the progress is shown."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


@dataclass(frozen=True)
class Console:
    """Results go to stdout, progress to stderr, so that a program can read the first."""

    verbosity: Verbosity = Verbosity.NORMAL
    results: bool = True

    def result(self, line: str) -> None:
        """A line of the result."""
        if self.results:
            print(line, flush=True)

    def progress(self, line: str) -> None:
        """What is being done, when it takes long or explains something."""
        if self.verbosity >= Verbosity.NORMAL:
            print(line, file=sys.stderr, flush=True)

    def detail(self, line: str) -> None:
        """Output of the programs behind a step, for who asks for it."""
        if self.verbosity >= Verbosity.VERBOSE:
            print(line, file=sys.stderr, flush=True)


SILENT = Console(Verbosity.QUIET, results=False)
"""For Python callers that want neither."""
