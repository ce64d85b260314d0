"""Whether an index has exactly the documents that a client sent."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.documents import document_id, source

_EXAMPLES = 5

Document = tuple[str, dict[str, Any]]
"""``_id`` and ``_source``."""


@dataclass(frozen=True)
class Compared:
    """An index beside what it should have."""

    count: int
    """Documents that it has."""
    digest: str
    """SHA-256 over their ids and sources, in order: the same for the same documents."""
    missing: int
    extra: int
    differing: int
    """Those that are there with another source."""
    examples: tuple[str, ...]
    """The ids of the first few that are not as they should be."""

    @property
    def identical(self) -> bool:
        """Whether it has exactly what it should."""
        return not (self.missing or self.extra or self.differing)


def sent(documents: int) -> Iterator[Document]:
    """What the client sends, in order."""
    return ((document_id(number), source(number)) for number in range(documents))


def compare(found: Iterable[Document], wanted: Iterable[Document]) -> Compared:
    """Document by document. Both ascend by id."""
    digest, examples = hashlib.sha256(), list[str]()
    count = missing = extra = differing = 0
    left = iter(wanted)
    want = next(left, None)
    for identifier, document in found:
        count += 1
        digest.update(json.dumps([identifier, document], sort_keys=True).encode())
        while want is not None and want[0] < identifier:
            missing += 1
            examples.append(want[0])
            want = next(left, None)
        if want is None or want[0] > identifier:
            extra += 1
            examples.append(identifier)
            continue
        if want[1] != document:
            differing += 1
            examples.append(identifier)
        want = next(left, None)
    while want is not None:
        missing += 1
        examples.append(want[0])
        want = next(left, None)
    return Compared(count, digest.hexdigest(), missing, extra, differing, tuple(examples[:_EXAMPLES]))
