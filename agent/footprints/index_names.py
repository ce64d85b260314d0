"""Index expressions, and the names that are known as concrete indices. No I/O."""

import re
from typing import Final

# What an index may be called (MetadataCreateIndexService.validateIndexOrAliasName): at most 255 bytes, none of these characters, no capitals.
_NAME: Final = re.compile(rb'[^\\/*?"<>| ,#:A-Z\x00-\x20_+-][^\\/*?"<>| ,#:A-Z\x00-\x20]{0,254}')

# More names in one expression count as every index.
_MOST_NAMES: Final = 256


def is_plain(name: bytes) -> bool:
    """Whether this can be the name of one index (or alias): no pattern, date math, exclusion, list, name on a remote cluster, ``_all``."""
    return _NAME.fullmatch(name) is not None and name not in {b".", b".."}


def names_of(expression: bytes) -> tuple[bytes, ...]:
    """The names in an index expression that is a list of names; empty when it is anything else, so every index may be meant."""
    if not expression or expression.count(b",") >= _MOST_NAMES:
        return ()
    names = expression.split(b",")
    for name in names:
        if not is_plain(name):
            return ()
    return tuple(dict.fromkeys(names))


class KnownIndices:
    """Names that the primary's answers showed to be concrete indices, and no aliases: a bounded number."""

    def __init__(self, most: int = 20_000) -> None:
        """Keep about ``most`` names that came last, and as many again that came before."""
        self._most = most
        self._names: set[bytes] = set()
        self._older: set[bytes] = set()
        self.generation = 0
        """Another number after each change of what is known."""

    def __contains__(self, name: bytes) -> bool:
        return name in self._names or name in self._older

    def __len__(self) -> int:
        return len(self._names | self._older)

    def learn(self, name: bytes) -> None:
        """An answer showed ``name`` where only a concrete index's can be."""
        if name in self._names or not is_plain(name):
            return
        if name not in self._older:
            self.generation += 1
        self._names.add(name)
        if len(self._names) >= self._most:
            if not self._older <= self._names:
                self.generation += 1
            self._older, self._names = self._names, set()

    def forget(self, name: bytes) -> None:
        """``name`` is an index no more, or never was one."""
        if name in self:
            self.generation += 1
            self._names.discard(name)
            self._older.discard(name)

    def forget_all(self) -> None:
        """Any of them may be an index no more."""
        self.generation += 1
        self._names.clear()
        self._older.clear()
