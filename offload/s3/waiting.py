"""The rotated files that there are, and which of them are still to be uploaded."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Rotated(NamedTuple):
    """A rotated file of the capture log."""

    number: int
    form: str
    """Its last suffix: ``.zst``, ``.gz`` (an earlier version's), or empty: it is not compressed yet."""
    path: Path
    size: int
    written_s: float
    """When it was written to last, in seconds since 1970."""


def rotated_files(log: Path) -> list[Rotated]:
    """The rotated files of the log, in the order of their lines. One that is there in two forms is still being made.

    Raises:
        OSError: the directory can't be read.
    """
    pattern = re.compile(re.escape(log.name) + r"\.(\d{6,})(\.zst|\.gz|)")
    found = []
    for path in log.parent.iterdir():
        match = pattern.fullmatch(path.name)
        if match is None:
            continue
        try:
            seen = path.stat()
        except FileNotFoundError:
            continue
        found.append(Rotated(int(match[1]), match[2], path, seen.st_size, seen.st_mtime))
    return sorted(found)


def began_anew(found: Sequence[Rotated], last: int) -> bool:
    """Whether ``found``, in its order, can't be the files that ``last`` counts: the newest of those goes last."""
    return bool(found) and found[-1].number < last


def waiting(found: Iterable[Rotated], last: int) -> list[Rotated]:
    """Of ``found``, in its order, those after the number ``last``: what is still to be uploaded."""
    return [one for one in found if one.number > last]


def next_upload(wait: Sequence[Rotated]) -> Rotated | None:
    """The first of those that wait; None when there is none, or when that one is not compressed yet: the order is kept."""
    return wait[0] if wait and wait[0].form else None
