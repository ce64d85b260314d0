"""Which operations the traffic is made of, and how much of it is each."""

import difflib
import itertools
import math
import random
from collections.abc import Collection
from dataclasses import dataclass

_EXAMPLE = "write it as search=70,get=20,bulk=10"


class MixError(ValueError):
    """A mix that can't be used; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str = _EXAMPLE) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Mix:
    """Operations and their weights, each above 0; the weights' sum means nothing."""

    weights: dict[str, float]

    def __str__(self) -> str:
        return ",".join(f"{name}={weight:g}" for name, weight in self.weights.items())

    def draw(self, source: random.Random) -> str:
        """One operation."""
        names = list(self.weights)
        return source.choices(names, cum_weights=list(itertools.accumulate(self.weights.values())))[0]


def parse_mix(text: str, known: Collection[str]) -> Mix:
    """Read ``NAME=WEIGHT,NAME=WEIGHT``; a weight of 0 leaves the operation out.

    Raises:
        MixError: nothing in it, an operation that is not ``known`` or there twice, a weight that is no number from 0.
    """
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, weight = (word.strip() for word in part.partition("="))
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise MixError(
                f"there is no operation '{name}'",
                f"did you mean '{near[0]}'?" if near else f"the operations: {', '.join(known)}",
            )
        if not equals:
            raise MixError(f"'{name}' has no weight")
        if name in weights:
            raise MixError(f"'{name}' is there twice", "name every operation once")
        weights[name] = _weight(name, weight)
    if not any(weights.values()):
        raise MixError("no operation has a weight above 0" if weights else "there is no operation in it")
    return Mix({name: weight for name, weight in weights.items() if weight})


def _weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        raise MixError(f"the weight of '{name}' is '{text}', not a number") from None
    if not math.isfinite(weight) or weight < 0:
        raise MixError(f"the weight of '{name}' is {text}", "a weight is a number from 0")
    return weight
