"""When requests are due. It is known before the first one is sent, and no answer changes it: an open loop."""

import math
import random
from collections.abc import Callable, Iterator


def count_due(rate: float, duration_s: float) -> int:
    """How many requests are due in ``duration_s``, the first one at 0, at ``rate`` requests per second."""
    # What lies less than a millionth above a whole number was meant to be that number.
    return math.ceil(rate * duration_s - 1e-6)


def _constant(rate: float, duration_s: float, _source: random.Random) -> Iterator[float]:
    for number in range(count_due(rate, duration_s)):
        yield number / rate


def _poisson(rate: float, duration_s: float, source: random.Random) -> Iterator[float]:
    # Of a Poisson process of which the number of arrivals is known, these are as many uniform values in order. They are drawn one after
    # the other (the least of k uniform values is 1 - u^(1/k)), so that a load of days takes no memory.
    done = 0.0
    for left in range(count_due(rate, duration_s), 0, -1):
        done += (1 - done) * (1 - source.random() ** (1 / left))
        yield min(done, math.nextafter(1, 0)) * duration_s


ARRIVALS: dict[str, Callable[[float, float, random.Random], Iterator[float]]] = {
    "constant": _constant,
    "poisson": _poisson,
}


def due_times(arrivals: str, rate: float, duration_s: float, source: random.Random) -> Iterator[float]:
    """Seconds from the start, in order and below ``duration_s``; `count_due` of them, whatever the arrivals."""
    return ARRIVALS[arrivals](rate, duration_s, source)
