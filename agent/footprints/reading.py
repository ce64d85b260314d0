"""Works out what a request reads and writes, from the request and the primary's answer. No I/O besides a long body's own.

`agent.footprints.endpoint_table` says what an endpoint does; here is what bodies add to it. Where a body can't be read, the footprint is wider,
never narrower.
"""

from collections.abc import Callable, Iterator
from typing import Final

from agent.footprints import kinds
from agent.footprints.answers import (
    created_index,
    described_index,
    document_of,
    first_hit_index,
    sql_cursor_of,
    token_of,
)
from agent.footprints.bodies import READ, UNREAD, Bodies, read_in_slices
from agent.footprints.bulk import UNREAD_BULK, BulkFootprints
from agent.footprints.cursors import cursors, token
from agent.footprints.footprint import (
    CURSOR,
    EVERYTHING,
    NO_INDEX,
    NOTHING,
    READS_CLUSTER,
    READS_EVERYTHING,
    Documents,
    Footprint,
)
from agent.footprints.index_names import KnownIndices, is_plain, names_of
from agent.footprints.request_bodies import (
    may_name_indices,
    mget_items,
    msearch_expressions,
    pit_ids,
    reindex_of,
    scroll_ids,
    searched_pit,
    sql_cursor,
)
from agent.footprints.route import Route, Routes
from record.transaction import Transaction

# A request that is answered so was not worked on, if no endpoint is known for it: only those are refused for what they are.
_REFUSED: Final = frozenset((400, 401, 403, 404, 405))

_BODY_MATTERS: Final = frozenset(
    (
        kinds.SEARCH,
        kinds.TEMPLATE,
        kinds.MSEARCH,
        kinds.EXPLAIN,
        kinds.MGET,
        kinds.BY_QUERY,
        kinds.REINDEX,
        kinds.ALIASES,
        kinds.SCROLL,
        kinds.SCROLL_END,
        kinds.PIT_END,
        kinds.SUBMIT,
        kinds.SQL,
        kinds.SQL_END,
    )
)
_ANSWER_MATTERS: Final = frozenset((kinds.ADD, kinds.SCROLL, kinds.PIT, kinds.SUBMIT, kinds.SQL))

# Of a bulk that is read at once: decoded, it may have a hundred times as much.
_CODED_AT_ONCE: Final = 64 * 1024

_READS_ALL_AND_CURSORS: Final = Footprint(reads_everything=True, reads_indices=(CURSOR,))
_ALL_AND_CURSORS: Final = Footprint(reads_everything=True, reads_indices=(CURSOR,), writes_everything=True)

_Reader = Callable[[Route, bytes, Transaction, Bodies], Footprint]


class Footprints:
    """Works out footprints, and learns the names of indices meanwhile."""

    def __init__(self, indices: KnownIndices | None = None) -> None:
        self.indices = KnownIndices() if indices is None else indices
        self._routes = Routes()
        self._bulks = BulkFootprints(self.indices)
        self._readers: dict[str, _Reader] = {
            kinds.NOTHING: self._nothing,
            kinds.CLUSTER: self._cluster,
            kinds.ALL: self._all,
            kinds.INDICES: self._indices,
            kinds.TEND: self._indices,
            kinds.DESCRIBE: self._describe,
            kinds.SEARCH: self._search,
            kinds.TEMPLATE: self._template,
            kinds.MSEARCH: self._msearch,
            kinds.REFRESH: self._refresh,
            kinds.GET: self._get,
            kinds.SOURCE: self._source,
            kinds.EXPLAIN: self._explain,
            kinds.MGET: self._mget,
            kinds.WRITE: self._write,
            kinds.UPDATE: self._update,
            kinds.ADD: self._add,
            kinds.BULK: self._bulk,
            kinds.ADDITIONS: self._additions,
            kinds.BY_QUERY: self._by_query,
            kinds.REINDEX: self._reindex,
            kinds.CHANGE: self._change,
            kinds.CREATE: self._create,
            kinds.DELETE: self._delete,
            kinds.COPY: self._copy,
            kinds.EVERYTHING: self._everything,
            kinds.ALIASES: self._aliases,
            kinds.SCROLL: self._scroll,
            kinds.SCROLL_END: self._scroll_end,
            kinds.PIT: self._pit,
            kinds.PIT_END: self._pit_end,
            kinds.SUBMIT: self._submit,
            kinds.FETCH: self._fetch,
            kinds.CANCEL: self._cancel,
            kinds.SQL: self._sql,
            kinds.SQL_END: self._sql_end,
        }

    def without_bodies(self, t: Transaction) -> Footprint:
        """The widest that it may be, from method, target and status alone. Nothing is learnt."""
        route, document_id = self._routes.find(t.method, t.url)
        return self._readers[route.kind](route, document_id, t, UNREAD)

    def needs_long_bodies(self, t: Transaction) -> bool:
        """Whether a body that matters is not in memory, or a bulk is large, so that `reading` says more than `of` or takes less at once."""
        if t.request_long is None and t.response_long is None:
            # What would take long at once.
            return (
                len(t.request_body) > _CODED_AT_ONCE
                and self._routes.find(t.method, t.url)[0].kind == kinds.BULK
            )
        kind = self._routes.find(t.method, t.url)[0].kind
        if kind == kinds.BULK:
            return True
        if t.request_long is not None and kind in _BODY_MATTERS:
            return True
        return t.response_long is not None and (
            kind in _ANSWER_MATTERS or (kind == kinds.SEARCH and b"scroll=" in t.url)
        )

    def of(self, t: Transaction) -> Footprint:
        """What it reads and writes, from what is in memory. Names of indices are learnt."""
        route, document_id = self._routes.find(t.method, t.url)
        return self._readers[route.kind](route, document_id, t, READ)

    def reading(self, t: Transaction) -> Iterator[Footprint | None]:
        """As `of`, long bodies included: None after each slice of the work, the footprint last."""
        route, document_id = self._routes.find(t.method, t.url)
        if route.kind == kinds.BULK:
            yield from self._bulks.reading(route, t)
            return
        bodies = Bodies()
        try:
            if t.request_long is not None and route.kind in _BODY_MATTERS:
                for _ in read_in_slices(bodies, t):
                    yield None
            if t.response_long is not None and route.kind not in {kinds.NOTHING, kinds.CLUSTER, kinds.ALL}:
                bodies.read_answer(t)
        except OSError:
            yield self.without_bodies(t)
            return
        yield self._readers[route.kind](route, document_id, t, bodies)

    # What the path says.

    def _names(self, route: Route) -> tuple[bytes, ...]:
        """The names of the path, if all are known as concrete indices; else none."""
        for name in route.names:
            if name not in self.indices:
                return ()
        return route.names

    def _reads(self, route: Route) -> Footprint:
        generation = self.indices.generation
        if route.generation != generation:
            names = self._names(route)
            route.reads = Footprint(reads_indices=names) if names else READS_EVERYTHING
            route.generation = generation
        return route.reads

    def _nothing(self, _route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return NOTHING

    def _cluster(self, _route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return READS_CLUSTER

    def _all(self, _route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return READS_EVERYTHING

    def _everything(self, route: Route, _id: bytes, t: Transaction, _bodies: Bodies) -> Footprint:
        return NOTHING if not route.is_known and t.status in _REFUSED else EVERYTHING

    def _indices(self, route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return self._reads(route)

    def _describe(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        if self._reads(route) is READS_EVERYTHING and self._may_teach(route, t):
            name = described_index(bodies.answer(t))
            if name is not None:
                self._learn(route.single, name)
        return self._reads(route)

    def _refresh(self, route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        names = self._names(route)
        if names:
            return Footprint(reads_indices=names, adds_to=names)
        return Footprint(reads_everything=True, adds_to=(NO_INDEX,))

    def _additions(self, _route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return Footprint(adds_to=(NO_INDEX,))

    # Names of indices.

    def _may_teach(self, route: Route, t: Transaction) -> bool:
        return t.status in {200, 201} and not route.filtered

    def _learn(self, asked: bytes, concrete: bytes) -> bool:
        """An answer named ``concrete`` where the path said ``asked`` (if that is one name). False: that is no name of an index."""
        if asked and asked != concrete:
            self.indices.forget(asked)
        if concrete not in self.indices:
            if not is_plain(concrete):
                return False
            self.indices.learn(concrete)
        return True

    # Single documents.

    def _document_index(self, route: Route, t: Transaction, bodies: Bodies) -> bytes:
        if self._may_teach(route, t):
            found = document_of(bodies.answer(t))
            if found is not None and self._learn(route.single, found[0]):
                return found[0]
        return route.single if route.single in self.indices else NO_INDEX

    def _get(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        return Footprint(reads_documents=(Documents(self._document_index(route, t, bodies), (document_id,)),))

    def _source(self, route: Route, document_id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        name = route.single if route.single in self.indices else NO_INDEX
        return Footprint(reads_documents=(Documents(name, (document_id,)),))

    def _explain(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        footprint = self._get(route, document_id, t, bodies)
        return READS_EVERYTHING if body is None or may_name_indices(body) else footprint

    def _write(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        return Footprint(
            writes_documents=(Documents(self._document_index(route, t, bodies), (document_id,)),)
        )

    def _update(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        documents = (Documents(self._document_index(route, t, bodies), (document_id,)),)
        return Footprint(reads_documents=documents, writes_documents=documents)

    def _add(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        if self._may_teach(route, t):
            found = document_of(bodies.answer(t))
            if found is not None and self._learn(route.single, found[0]):
                return Footprint(writes_documents=(Documents(found[0], (found[1],)),))
        return Footprint(adds_to=(route.single if route.single in self.indices else NO_INDEX,))

    # Many documents.

    def _bulk(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        return UNREAD_BULK if bodies is UNREAD else self._bulks.of(route, t)

    def _mget(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        if b"ids" in route.parameters:
            name = route.single if route.single in self.indices else NO_INDEX
            return Footprint(reads_documents=(Documents(name, tuple(route.parameters[b"ids"].split(b","))),))
        body = bodies.request(route.source, t)
        items = None if body is None else mget_items(body)
        if items is None:
            return READS_EVERYTHING
        ids: dict[bytes, list[bytes]] = {}
        for item in items:
            name = item.expression or route.single
            ids.setdefault(name if name in self.indices else NO_INDEX, []).append(item.document_id)
        return Footprint(reads_documents=tuple(Documents(name, tuple(found)) for name, found in ids.items()))

    def _by_query(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        names = self._names(route)
        if not names:
            return EVERYTHING
        body = bodies.request(route.source, t)
        more = body is None or may_name_indices(body)
        return Footprint(
            reads_everything=more,
            reads_indices=() if more else names,
            writes_indices=names,
            writes_documents=self._task(route, t, bodies),
        )

    def _reindex(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        request = None if body is None else reindex_of(body)
        if request is None or request.target not in self.indices:
            return EVERYTHING
        names = names_of(request.source)
        more = request.names_more or (bool(request.source) and not self._all_known(names))
        return Footprint(
            reads_everything=more,
            reads_indices=() if more else names,
            writes_indices=(request.target,),
            writes_documents=self._task(route, t, bodies),
        )

    def _all_known(self, names: tuple[bytes, ...]) -> bool:
        return bool(names) and all(name in self.indices for name in names)

    def _task(self, route: Route, t: Transaction, bodies: Bodies) -> tuple[Documents, ...]:
        """The task that goes on with the request's work after its answer."""
        if route.parameters.get(b"wait_for_completion") != b"false":
            return ()
        task = token_of(bodies.answer(t))
        return () if task is None else cursors([task])

    # Searches.

    def _search(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        reads = self._reads(route)
        if body is None and not route.names:
            # It may be one in a point in time.
            reads = _READS_ALL_AND_CURSORS
        elif body is None or may_name_indices(body):
            reads = READS_EVERYTHING
        elif not route.names and body.find(b'"pit"') >= 0:
            point = searched_pit(body)
            if point:
                return self._in_point(point, route, t, bodies)
        if b"scroll" in route.parameters:
            return self._with_cursor(reads, route, t, bodies)
        if reads is READS_EVERYTHING and self._may_teach(route, t):
            name = first_hit_index(bodies.answer(t))
            if name is not None:
                self._learn(route.single, name)
        return reads

    def _in_point(self, point: bytes, route: Route, t: Transaction, bodies: Bodies) -> Footprint:
        """A search in a point in time. Such searches do not wait for each other, unless the answer names another cursor."""
        following = token_of(bodies.answer(t)) if self._may_teach(route, t) else None
        return Footprint(
            reads_documents=cursors([point]),
            writes_documents=() if following is None or following == point else cursors([following]),
        )

    def _with_cursor(self, reads: Footprint, route: Route, t: Transaction, bodies: Bodies) -> Footprint:
        """``reads``, and the cursor of the answer is written; all of them, if it can't be read."""
        if t.status >= 400:
            return reads
        answer = bodies.answer(t)
        handed_out = None if route.filtered else token_of(answer)
        if handed_out is not None:
            return _also_writing(reads, cursors([handed_out]), ())
        return _also_writing(reads, (), (CURSOR,))

    def _template(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        reads = self._search(route, document_id, t, bodies)
        if body is None or b'"id"' in body:
            return _also_writing(READS_EVERYTHING, reads.writes_documents, reads.writes_indices)
        return reads

    def _msearch(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        expressions = None if body is None else msearch_expressions(body)
        if expressions is None or (body is not None and b'"id"' in body):
            return READS_EVERYTHING
        names: list[bytes] = []
        for expression in expressions:
            named = names_of(expression) if expression else route.names
            if not self._all_known(named):
                return READS_EVERYTHING
            names.extend(named)
        return Footprint(reads_indices=tuple(dict.fromkeys(names)))

    def _submit(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        reads = READS_EVERYTHING if body is None or may_name_indices(body) else self._reads(route)
        answer = bodies.answer(t)
        if self._may_teach(route, t) and answer.lstrip()[:1] == b"{" and token_of(answer) is None:
            # It ended at once: no cursor.
            return reads
        return self._with_cursor(reads, route, t, bodies)

    def _sql(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        if body is None:
            return _ALL_AND_CURSORS
        # OpenSearch's language can delete.
        if b"delete" in body.lower() or b"sql" in route.parameters:
            return EVERYTHING
        answer = bodies.answer(t)
        following = sql_cursor_of(answer) or token_of(answer) or token(t.response_headers)
        cursor = sql_cursor(body)
        written = () if following is None else cursors([following])
        if cursor:
            return Footprint(reads_documents=cursors([cursor]), writes_documents=written)
        return _also_writing(READS_EVERYTHING, written, ())

    # Cursors.

    def _scroll(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        ids = self._named(document_id, b"scroll_id", scroll_ids, route, t, bodies)
        if not ids:
            return Footprint(reads_indices=(CURSOR,), writes_indices=(CURSOR,))
        following = token_of(bodies.answer(t)) if self._may_teach(route, t) else None
        # The cursor moves on, whether it gets another name or keeps its own.
        return Footprint(
            reads_documents=cursors(ids),
            writes_documents=cursors(ids if following is None else [*ids, following]),
        )

    def _named(
        self,
        document_id: bytes,
        parameter: bytes,
        read: Callable[[bytes], list[bytes]],
        route: Route,
        t: Transaction,
        bodies: Bodies,
    ) -> list[bytes]:
        """The cursors that a request names in its body, its query or its path; none: all, or they can't be read."""
        body = bodies.request(route.source, t)
        if body is None:
            return []
        ids = read(body) if body else []
        named = route.parameters.get(parameter) or document_id
        if named:
            ids += named.split(b",")
        return [] if b"_all" in ids else ids

    def _ended(self, ids: list[bytes]) -> Footprint:
        return Footprint(writes_documents=cursors(ids)) if ids else Footprint(writes_indices=(CURSOR,))

    def _scroll_end(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        return self._ended(self._named(document_id, b"scroll_id", scroll_ids, route, t, bodies))

    def _pit_end(self, route: Route, document_id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        return self._ended(self._named(document_id, b"pit_id", pit_ids, route, t, bodies))

    def _sql_end(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        body = bodies.request(route.source, t)
        cursor = b"" if body is None else sql_cursor(body)
        return self._ended([cursor] if cursor else [])

    def _pit(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        return self._with_cursor(self._reads(route), route, t, bodies)

    def _fetch(self, _route: Route, document_id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return Footprint(reads_documents=cursors([document_id]))

    def _cancel(self, _route: Route, document_id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        return Footprint(writes_documents=cursors([document_id]))

    # Indices.

    def _change(self, route: Route, _id: bytes, _t: Transaction, _bodies: Bodies) -> Footprint:
        names = self._names(route)
        return Footprint(reads_indices=names, writes_indices=names) if names else EVERYTHING

    def _create(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        created = created_index(bodies.answer(t)) if self._may_teach(route, t) else None
        if created is not None and self._learn(b"", created):
            return Footprint(writes_indices=(created,))
        return Footprint(writes_indices=(route.single,)) if route.single else EVERYTHING

    def _delete(self, route: Route, _id: bytes, t: Transaction, _bodies: Bodies) -> Footprint:
        # Perhaps done, unless it was refused.
        if not 400 <= t.status < 500:
            for name in route.names:
                self.indices.forget(name)
            if not route.names:
                self.indices.forget_all()
        return Footprint(writes_indices=route.names) if route.names else EVERYTHING

    def _copy(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        created = created_index(bodies.answer(t)) if self._may_teach(route, t) else None
        if created is not None:
            self._learn(b"", created)
        if route.single not in self.indices or not is_plain(route.target):
            return EVERYTHING
        return Footprint(reads_indices=(route.single,), writes_indices=(route.single, route.target))

    def _aliases(self, route: Route, _id: bytes, t: Transaction, bodies: Bodies) -> Footprint:
        if not 400 <= t.status < 500:
            body = bodies.request(route.source, t)
            # Its escapes could hide the action's name.
            if body is None or b"remove_index" in body or b"\\" in body:
                self.indices.forget_all()
        return EVERYTHING


def _also_writing(
    reads: Footprint, documents: tuple[Documents, ...], indices: tuple[bytes, ...]
) -> Footprint:
    return Footprint(
        reads_everything=reads.reads_everything,
        reads_indices=reads.reads_indices,
        reads_documents=reads.reads_documents,
        writes_indices=indices,
        writes_documents=documents,
    )
