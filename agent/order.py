"""Causal order: the shadow finishes whatever the client had the answer to before it starts what the client sent next.

The primary's completions are numbered 1, 2, 3 ... On arrival a request notes T, the completions so far. W is the largest n such
that the first n completions are all finished on the shadow; a request may start on the shadow when W >= T. What overlapped on
the primary may overlap on the shadow.
"""


class CausalOrder:
    """Counts arrivals, completions and the shadow's progress. No time, no I/O."""

    def __init__(self) -> None:
        self.completions = 0
        """Completions on the primary so far."""
        self.watermark = 0
        """W."""
        self._finished_beyond: set[int] = set()

    def arrive(self) -> int:
        """A request arrives: its T."""
        return self.completions

    def complete(self) -> int:
        """The primary completes a transaction: its number, which `finish` is to be called with exactly once."""
        self.completions += 1
        return self.completions

    def may_start(self, earlier_completions: int) -> bool:
        """Whether a request with that T may start on the shadow."""
        return self.watermark >= earlier_completions

    def finish(self, number: int) -> None:
        """The shadow is done with completion ``number``: answered, failed, or never to be sent."""
        if number != self.watermark + 1:
            self._finished_beyond.add(number)
            return
        self.watermark = number
        beyond = self._finished_beyond
        while beyond and self.watermark + 1 in beyond:
            self.watermark += 1
            beyond.remove(self.watermark)
