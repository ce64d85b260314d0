"""Footprints in words, and transactions to read them from."""

from agent.footprints.footprint import CLUSTER, CURSOR, NO_INDEX, NOTHING, Documents, Footprint
from agent.footprints.index_names import KnownIndices
from agent.footprints.reading import Footprints
from record.transaction import Transaction

KNOWN = (b"logs", b"users", b"orders")
"""Concrete indices of every test; any other name may be an alias."""


def footprints(*known: bytes) -> Footprints:
    indices = KnownIndices()
    for name in known or KNOWN:
        indices.learn(name)
    return Footprints(indices)


def transaction(
    method: str,
    target: str | bytes,
    body: str | bytes = b"",
    answer: str | bytes = b"",
    status: int = 200,
    request_headers: bytes = b"host: es\r\n\r\n",
    response_headers: bytes = b"content-type: application/json\r\n\r\n",
) -> Transaction:
    t = Transaction(b"id")
    t.method = method.encode()
    t.url = _bytes(target)
    t.request_headers, t.response_headers = request_headers, response_headers
    t.request_body, t.response_body = _bytes(body), _bytes(answer)
    t.request_body_bytes, t.response_body_bytes = len(t.request_body), len(t.response_body)
    t.request_whole = t.response_whole = True
    t.status = status
    return t


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def words(footprint: Footprint) -> str:
    """``reads logs, users/1; writes logs/2; adds to ?``: ``?`` is an index that is not known, ``everything`` all there is."""
    if footprint == NOTHING:
        return "nothing"
    reads = ["everything"] * footprint.reads_everything
    reads += [_name(name) for name in footprint.reads_indices] + _documents(footprint.reads_documents)
    writes = ["everything"] * footprint.writes_everything
    writes += [_name(name) for name in footprint.writes_indices] + _documents(footprint.writes_documents)
    adds = [_name(name) for name in footprint.adds_to]
    parts = (("reads", reads), ("writes", writes), ("adds to", adds))
    said = "; ".join(f"{verb} {', '.join(what)}" for verb, what in parts if what)
    return "everything" if said == "reads everything; writes everything" else said


def _name(name: bytes) -> str:
    return {NO_INDEX: "?", CURSOR: "cursors", CLUSTER: "cluster"}.get(name, name.decode())


def _documents(all_documents: tuple[Documents, ...]) -> list[str]:
    return [
        "the cluster"
        if documents.index_name == CLUSTER
        else _name(documents.index_name)
        + "/"
        + "+".join(one.decode(errors="replace") for one in documents.ids)
        for documents in all_documents
    ]
