"""The tee's counters: what passed, and what any bound has cost."""

from dataclasses import asdict, dataclass


@dataclass
class Status:
    """Counts since the tee's start."""

    not_greeted: int = 0
    """Connections that were closed because they did not begin with a SOCKS4 request, or not in time."""
    exchanges: int = 0
    """Connections that did."""
    open: int = 0
    """Of these, still open."""
    refused: int = 0
    """Of these, closed at once, because the inner frontend could not be reached."""
    passed_bytes: int = 0
    """Of ended exchanges, in both directions."""
    copied_bytes: int = 0
    """Of these, copied."""
    copies_waited: int = 0
    """Directions that were passed on more slowly for a moment, because the spool's thread had to make room in memory."""
    copies_given_up: int = 0
    """Directions whose copy ends early, or that were not copied at all, because a bound was reached."""
    handed_over: int = 0
    """Exchanges that the agent has acknowledged."""

    def as_dict(self) -> dict[str, int]:
        """Name -> count."""
        return asdict(self)
