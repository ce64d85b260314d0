"""What our proxies count as lost."""

import re
from collections.abc import Mapping, Sequence

from benchmarks.subject import Proxy

Counters = Mapping[str, int]

_LOSS = re.compile(
    r"dropped|failed|not_mirrored|lost|orphan|error|given_up|refused|unacknowledged|unanswered"
)
_NOT_MIRRORED = re.compile(r"primary (mirror_|not_mirrored_)")


def losses(proxies: Sequence[Proxy], before: Sequence[Counters]) -> dict[str, int]:
    """By how much the counters of what was lost rose since ``before``, those that did, as ``ROLE COUNTER``."""
    return {
        f"{proxy.name} {name}": risen
        for proxy, counters in zip(proxies, before, strict=True)
        for name, risen in risen_losses(counters, proxy.counters()).items()
    }


def risen_losses(before: Counters, now: Counters) -> dict[str, int]:
    """The counters of one proxy that tell of a loss, and by how much they rose."""
    return {
        name: risen
        for name, count in now.items()
        if _LOSS.search(name) and (risen := count - before.get(name, 0)) > 0
    }


def not_mirrored(lost: Counters) -> int:
    """How many requests the primary says, in `losses`, it did not mirror."""
    return sum(count for name, count in lost.items() if _NOT_MIRRORED.match(name))
