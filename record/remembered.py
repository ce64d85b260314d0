"""What a function has given, kept for the arguments that come again and again."""

from collections.abc import Callable
from typing import Generic, TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Remembered(dict[Argument, Result], Generic[Argument, Result]):
    """``remembered[argument]`` is ``function(argument)``, worked out once.

    For compiled code a `functools.lru_cache` is far dearer to ask (docs/decisions/0018-instructions-counted.md).

    Args:
        function: gives the same for the same argument.
        most: about so many are kept at most; with one more, all are forgotten.
    """

    def __init__(self, function: Callable[[Argument], Result], most: int) -> None:
        super().__init__()
        self._function = function
        self._most = most

    def __missing__(self, argument: Argument) -> Result:
        """The dictionary's, for a key that is not in it."""
        result = self._function(argument)
        if len(self) >= self._most:
            self.clear()
        self[argument] = result
        return result
