"""A histogram of times with constant relative precision, in memory that does not grow with their number.

The buckets are those of HdrHistogram with three significant digits. Its own package would need a compiler on ARM machines
(docs/decisions/0013).
"""

import math
from collections import Counter
from collections.abc import Iterable

# 1024 buckets between a power of two and the next one.
_BITS = 11


class Histogram:
    """Times in µs. A percentile is the upper end of its bucket: right or less than 0.1 % too much, never flattering."""

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        """How many times by the upper end of their bucket."""
        self.count = 0
        """How many times were recorded."""
        self.max_us = 0
        """The longest, exactly; 0 when there is none."""

    def record(self, time_us: int) -> None:
        """Count a time; one below 0 is 0."""
        time_us = max(time_us, 0)
        shift = max(time_us.bit_length() - _BITS, 0)
        self.buckets[time_us | ((1 << shift) - 1)] += 1
        self.count += 1
        self.max_us = max(self.max_us, time_us)

    def add(self, other: "Histogram") -> None:
        """Count all that another one has."""
        self.buckets.update(other.buckets)
        self.count += other.count
        self.max_us = max(self.max_us, other.max_us)

    def percentiles_us(self, percents: Iterable[float]) -> list[int]:
        """The nearest-rank percentiles of these percents, in ascending order; 0 when nothing was recorded."""
        found: list[int] = []
        buckets = iter(sorted(self.buckets.items()))
        seen, upper = 0, 0
        for percent in percents:
            # Without the rounding 99.9 % of 1,000 would be number 1,000.
            rank = math.ceil(round(self.count * percent / 100, 6))
            while seen < rank:
                upper, count = next(buckets)
                seen += count
            found.append(min(upper, self.max_us))
        return found

    def count_from(self, least_us: int) -> int:
        """How many times were ``least_us`` or longer, to the precision of the buckets."""
        return sum(count for upper, count in self.buckets.items() if upper >= least_us)
