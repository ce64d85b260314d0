"""What the requests for the shadow wait for, and when the container's log says so. No I/O."""

from typing import Final, NamedTuple

# A shadow that is so far behind is worth a line. Once said, it is repeated no more often than this.
_FAR_BEHIND_S: Final = 10.0
_REPEAT_S: Final = 60.0


class Backlog(NamedTuple):
    """The requests that the primary has answered and the shadow has not."""

    under_way: int
    """Sent to the shadow, which has not answered yet."""
    for_order: int
    """They wait until the shadow has done others."""
    for_connections: int
    """They could start, but as many as may be are under way."""
    for_shadow: int
    """They could start, but no connection to a shadow can be opened."""
    lag_s: float
    """Age of the oldest of all: since the primary's answer to it was known (of what an earlier agent left: since this one's start). 0: there is none."""
    waited_s: float
    """Age of the oldest that has not been sent to the shadow. 0: there is none."""

    def __str__(self) -> str:
        reasons = (
            (self.under_way, "under way"),
            (self.for_order, "waiting for requests before them"),
            (self.for_connections, "held back by CAPTURE_MIRROR_CONNECTIONS, or while the shadow catches up"),
            (self.for_shadow, "waiting for the shadow, which can't be reached"),
        )
        return ", ".join(f"{count} {reason}" for count, reason in reasons if count)


class BacklogReport:
    """Decides what the log says of the backlog."""

    def __init__(self) -> None:
        self._said_at: float | None = None

    def line(self, backlog: Backlog, now: float) -> str | None:
        """What to say now (seconds of any steady clock), if anything.

        A slow request is no backlog by itself, nor is one that has just begun to wait for it: something must have waited for long.
        """
        waits = backlog.for_order + backlog.for_connections + backlog.for_shadow
        if not waits:
            if self._said_at is not None:
                self._said_at = None
                return "the shadow has caught up"
            return None
        if backlog.waited_s < _FAR_BEHIND_S or (
            self._said_at is not None and now - self._said_at < _REPEAT_S
        ):
            return None
        self._said_at = now
        return f"the shadow is {backlog.waited_s:.0f} s behind: {backlog}"
