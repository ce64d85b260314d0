"""Writes the documents of a workload as OpenSearch Benchmark reads them: a line each, or two where documents have ids."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from traffic_gen.corpora import geonames, http_logs, nested, nyc_taxis

Document = dict[str, Any]
Maker = Callable[[random.Random, int], Iterator[Document]]

_WITH_IDS: Mapping[str, tuple[str, str, Maker]] = {
    # Workload: its index, and the field whose value is the document's _id.
    "geonames": ("geonames", "geonameid", geonames.places),
    "nested": ("sonested", "qid", nested.questions),
}


def write_corpus(workload: str, directory: Path, size: int, seed: int) -> int:
    """Write the files that ``workload.json`` names to ``directory``; returns their bytes. The same arguments give the same bytes."""
    return sum(_write(directory / name, lines) for name, lines in corpus_files(workload, size, seed).items())


def corpus_files(workload: str, size: int, seed: int) -> dict[str, Iterator[Document]]:
    """The lines of each file."""
    # Text, because a seed that is a number or a text gives the same in every version of Python; a tuple would not.
    rng = random.Random(f"{workload} {seed}")  # noqa: S311 - nothing secret
    if workload in _WITH_IDS:
        index, field, make = _WITH_IDS[workload]
        return {"documents.json": _with_ids(index, field, make(rng, size))}
    if workload == "http_logs":
        return {f"documents-{day}.json": lines for day, lines in http_logs.requests_by_day(rng, size).items()}
    return {"documents.json": nyc_taxis.rides(rng, size)}


def _with_ids(index: str, field: str, documents: Iterator[Document]) -> Iterator[Document]:
    for document in documents:
        yield {"index": {"_index": index, "_id": str(document[field])}}
        yield document


def _write(path: Path, lines: Iterator[Document]) -> int:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    return path.stat().st_size
