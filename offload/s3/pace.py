"""The bound of the bandwidth: how long to wait before the next bytes are sent."""

# What was not sent in so much time may be made up for.
_BURST_S = 0.25


class Pace:
    """So many bytes a second, with a short memory of what was not used.

    Args:
        bytes_per_s: 0: no bound.
        now_s: any clock that only grows, as in `wait_s`.
    """

    def __init__(self, bytes_per_s: float, now_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_s = now_s

    def wait_s(self, size: int, now_s: float) -> float:
        """How long to wait before ``size`` bytes are sent; they count as sent."""
        if not self._bytes_per_s:
            return 0.0
        self._free_s = max(self._free_s, now_s - _BURST_S)
        wait_s = max(self._free_s - now_s, 0.0)
        self._free_s += size / self._bytes_per_s
        return wait_s
