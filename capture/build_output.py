"""The output of an image build, kept while it is shown: steps as progress, the rest as detail."""

import textwrap

from capture.console import Console

_LAST_LINES = 15
_PROGRESS_WIDTH = 110


class BuildOutput:
    """The lines of one build or of several that share a log; `take` is for `Engine.build`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.lines: list[str] = []

    def take(self, line: str) -> None:
        """Keep one more line, and show it."""
        self.lines.append(line)
        if line.startswith("Step "):
            self._console.progress(f"  {textwrap.shorten(line, _PROGRESS_WIDTH)}")
        else:
            self._console.detail(f"    {line}")

    def last(self, start: int = 0) -> str:
        """The last lines from the line ``start`` on, for who is told of a failure."""
        return "\n".join(self.lines[start:][-_LAST_LINES:])
