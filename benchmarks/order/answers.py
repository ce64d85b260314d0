"""Answers in the form of Elasticsearch 7.10's, from which the agent learns the names of indices and documents. No I/O."""

import itertools
import json
from collections.abc import Iterator

_SHARDS = {"total": 2, "successful": 2, "failed": 0}


def search_answer(path: str, took_ms: int) -> bytes:
    """To a search in the index that the path names."""
    index = path.split("/")[1]
    hits = [
        {
            "_index": index,
            "_type": "_doc",
            "_id": f"{index}-{number}",
            "_score": 1.0,
            "_source": {"n": number},
        }
        for number in range(3)
    ]
    return _text(
        {
            "took": took_ms,
            "timed_out": False,
            "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {"total": {"value": 3, "relation": "eq"}, "max_score": 1.0, "hits": hits},
        }
    )


class Bulks:
    """Answers bulks of one node, which gives documents without an id one of its own."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._made = itertools.count(1)

    def answer(self, path: str, body: bytes, took_ms: int) -> bytes:
        """To a ``_bulk`` request: every document is new."""
        words = path.split("/")
        index = words[1] if len(words) > 2 else ""
        items = [self._item(action, index) for action in _actions(body)]
        return _text({"took": took_ms, "errors": False, "items": items})

    def _item(self, action: dict[str, dict[str, str]], index: str) -> dict[str, object]:
        ((name, where),) = action.items()
        number = next(self._made)
        return {
            name: {
                "_index": where.get("_index", index),
                "_type": "_doc",
                "_id": where.get("_id") or f"{self._node}{number:020}",
                "_version": 1,
                "result": "created",
                "_shards": _SHARDS,
                "_seq_no": number,
                "_primary_term": 1,
                "status": 201,
            }
        }


def _actions(body: bytes) -> Iterator[dict[str, dict[str, str]]]:
    """The first of each two lines: here every action has a document."""
    return (json.loads(line) for line in body.splitlines()[::2])


def _text(answer: dict[str, object]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
