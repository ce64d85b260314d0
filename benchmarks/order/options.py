"""Options that are lists, separated by commas."""

import math
from collections.abc import Sequence

import click


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers from ``least`` to ``most``, each once."""

    name = "numbers"

    def __init__(self, least: float, most: float) -> None:
        self._least = least
        self._most = most

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Click's."""
        try:
            found = tuple(float(word) for word in str(value).split(","))
        except ValueError:
            self.fail(f"'{value}' is no list of numbers like 1,2.5", param, ctx)
        for number in found:
            if not (math.isfinite(number) and self._least <= number <= self._most):
                self.fail(f"{number:g} is not in the range {self._least:g} to {self._most:g}", param, ctx)
        return tuple(dict.fromkeys(found))


class Choices(click.ParamType[tuple[str, ...]]):
    """Some of the words of a list, each once."""

    name = "words"

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Click's."""
        found = tuple(dict.fromkeys(str(value).split(",")))
        for word in found:
            if word not in self._words:
                self.fail(f"'{word}' is none of {', '.join(self._words)}", param, ctx)
        return found
