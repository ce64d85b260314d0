"""What a _bulk writes. No I/O besides a long body's own."""

from collections.abc import Iterator
from typing import Final

from agent.footprints.bulk_answer import BulkAnswer, first_index
from agent.footprints.bulk_request import BulkRequest
from agent.footprints.content import (
    ANSWER_START_BYTES,
    MOST_ANSWER_BYTES,
    MOST_AT_ONCE_BYTES,
    MOST_BULK_BYTES,
    SLICE_BYTES,
    plain,
    plain_chunks,
    plain_start,
)
from agent.footprints.footprint import EVERYTHING, NO_INDEX, NOTHING, Documents, Footprint
from agent.footprints.index_names import KnownIndices
from agent.footprints.route import Route
from record.content_coding import CodingError
from record.transaction import Transaction

# Items of an answer that are read at once: about a millisecond.
_ITEMS_AT_ONCE: Final = 1000


UNREAD_BULK: Final = EVERYTHING
"""A bulk of which only the target can be read: its lines may name other indices than its path."""


class BulkFootprints:
    """Reads bulks."""

    def __init__(self, indices: KnownIndices) -> None:
        self._indices = indices

    def of(self, route: Route, t: Transaction) -> Footprint:
        """Of one whose bodies are in memory."""
        body = None
        if t.request_long is None and t.request_whole and t.request_body:
            body = plain(t.request_body, t.request_headers, MOST_AT_ONCE_BYTES)
        if body is None:
            return UNREAD_BULK
        request = BulkRequest()
        left = request.feed(body)
        while left:
            left = request.feed(b"")
        request.end()
        items = None
        if self._answer_matters(route, t, request):
            answer = self._answer_in_memory(t)
            if answer is not None:
                reader = BulkAnswer(answer)
                while not reader.is_done:
                    reader.step(_ITEMS_AT_ONCE)
                items = reader.items
        return self._footprint(route, t, request, items)

    def reading(self, route: Route, t: Transaction) -> Iterator[Footprint | None]:
        """Of any: None after each slice of the work, the footprint last."""
        request = BulkRequest()
        size = 0
        try:
            for part in _parts(t):
                size += len(part)
                while request.feed(part):
                    part = b""  # noqa: PLW2901 - the reader has it
                    yield None
                if size > MOST_BULK_BYTES:
                    request.broken = True
                if request.broken:
                    break
                yield None
            request.end()
            items = None
            if self._answer_matters(route, t, request):
                pieces: list[bytes] = []
                for part in _answer_parts(t):
                    pieces.append(part)
                    yield None
                reader = BulkAnswer(b"".join(pieces))
                while not reader.is_done:
                    reader.step(_ITEMS_AT_ONCE)
                    yield None
                items = reader.items
        except (OSError, CodingError):
            yield UNREAD_BULK
            return
        yield UNREAD_BULK if size == 0 else self._footprint(route, t, request, items)

    def _answer_in_memory(self, t: Transaction) -> bytes | None:
        if t.response_long is not None or not t.response_whole:
            return None
        return plain(t.response_body, t.response_headers, MOST_ANSWER_BYTES)

    def _answer_matters(self, route: Route, t: Transaction, request: BulkRequest) -> bool:
        if request.broken or request.too_many or route.filtered or t.status != 200:
            return False
        if request.without_id:
            return True
        for index in request.indices:
            if (index or route.single) not in self._indices:
                return True
        return self._shows_another(route, t, request)

    def _shows_another(self, route: Route, t: Transaction, request: BulkRequest) -> bool:
        """Whether the first item's index is not the one that is known by this name: then it is an alias now."""
        if not request.items or not t.response_body:
            return False
        answer = plain_start(t.response_body, t.response_headers, ANSWER_START_BYTES)
        first = first_index(answer)
        return first is not None and first != (request.items[0][0] or route.single)

    def _footprint(
        self, route: Route, t: Transaction, request: BulkRequest, answered: list[tuple[bytes, bytes]] | None
    ) -> Footprint:
        if request.broken:
            # What the cluster can't read either, it refuses as a whole, before it has done anything.
            return NOTHING if t.status == 400 else UNREAD_BULK
        if request.too_many:
            return self._whole(route, request)
        if answered is not None and len(answered) == len(request.items):
            self._learn(route, request, answered)
        else:
            answered = None
        names = {index: self._name(index or route.single) for index in request.indices}
        ids: dict[bytes, list[bytes]] = {}
        adds: dict[bytes, bool] = {}
        for at, (index, document_id) in enumerate(request.items):
            name = names[index]
            if answered is not None:
                concrete, answered_id = answered[at]
                if concrete:
                    name = concrete
                document_id = document_id or answered_id  # noqa: PLW2901 - the one that counts
            if not document_id:
                adds[name] = True
                continue
            found = ids.get(name)
            if found is None:
                ids[name] = [document_id]
            else:
                found.append(document_id)
        documents = tuple(Documents(name, tuple(found)) for name, found in ids.items())
        return Footprint(
            reads_documents=documents if request.updates else (),
            writes_documents=documents,
            adds_to=tuple(adds),
        )

    def _name(self, name: bytes) -> bytes:
        return name if name in self._indices else NO_INDEX

    def _whole(self, route: Route, request: BulkRequest) -> Footprint:
        names = {self._name(index or route.single) for index in request.indices}
        if NO_INDEX in names:
            return EVERYTHING
        return Footprint(writes_indices=tuple(sorted(names)))

    def _learn(self, route: Route, request: BulkRequest, answered: list[tuple[bytes, bytes]]) -> None:
        last_index, last_concrete = b"", b""
        for at, (concrete, _) in enumerate(answered):
            index = request.items[at][0]
            if (index == last_index and concrete == last_concrete) or not concrete:
                continue
            last_index, last_concrete = index, concrete
            asked = index or route.single
            if asked != concrete:
                self._indices.forget(asked)
            if concrete not in self._indices:
                self._indices.learn(concrete)


def _parts(t: Transaction) -> Iterator[bytes]:
    """The request's body, decoded, in slices."""
    if t.request_long is not None:
        chunks = t.request_long.chunks()
    else:
        chunks = iter((t.request_body,) if t.request_whole else ())
    chunks = plain_chunks(chunks, t.request_headers, MOST_BULK_BYTES)
    for chunk in chunks:
        yield from _slices(chunk)


def _answer_parts(t: Transaction) -> Iterator[bytes]:
    """The answer, decoded; nothing of one that is too long."""
    if t.response_long is None:
        body = plain(t.response_body, t.response_headers, MOST_ANSWER_BYTES) if t.response_whole else None
        if body:
            yield body
        return
    size = 0
    for chunk in plain_chunks(t.response_long.chunks(), t.response_headers, 2 * MOST_ANSWER_BYTES):
        size += len(chunk)
        if size > MOST_ANSWER_BYTES:
            return
        yield chunk


def _slices(chunk: bytes) -> Iterator[bytes]:
    if len(chunk) <= SLICE_BYTES:
        yield chunk
        return
    for start in range(0, len(chunk), SLICE_BYTES):
        yield chunk[start : start + SLICE_BYTES]
