import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.bodies.sink import Sink, sink
from benchmarks.bulk_load.comparison import Compared, Document, compare, sent
from benchmarks.bulk_load.loading import load, load_both
from benchmarks.bulk_load.report import table, verdicts
from benchmarks.bulk_load.run import Loaded, LoadResult
from benchmarks.documents import bulks
from benchmarks.host_process import free_ports
from benchmarks.raw_client import request
from capture.errors import UserError


def _changed(document: Document) -> Document:
    identifier, source = document
    return identifier, {**source, "status": 999}


def test_the_same_documents_are_identical() -> None:
    compared = compare(sent(100), sent(100))
    assert compared.identical
    assert compared.count == 100
    assert compared.digest == compare(sent(100), sent(100)).digest


@pytest.mark.parametrize(
    ("found", "missing", "extra", "differing", "example"),
    [
        ([d for d in sent(10) if d[0] != "entry-000000004"], 1, 0, 0, "entry-000000004"),
        (list(sent(9)), 1, 0, 0, "entry-000000009"),
        (list(sent(11)), 0, 1, 0, "entry-000000010"),
        ([("entry-", {}), *sent(10)], 0, 1, 0, "entry-"),
        (
            [*list(sent(10))[:3], *map(_changed, list(sent(10))[3:4]), *list(sent(10))[4:]],
            0,
            0,
            1,
            "entry-000000003",
        ),
        ([*sent(10), list(sent(10))[-1]], 0, 1, 0, "entry-000000009"),
        ([], 10, 0, 0, "entry-000000000"),
    ],
)
def test_every_difference_is_found(
    found: list[Document], missing: int, extra: int, differing: int, example: str
) -> None:
    compared = compare(found, sent(10))
    assert (compared.missing, compared.extra, compared.differing) == (missing, extra, differing)
    assert compared.examples[0] == example
    assert not compared.identical
    assert compared.digest != compare(sent(10), sent(10)).digest


@contextmanager
def _node(folder: Path) -> Iterator[Sink]:
    (port,) = free_ports(1)
    with sink(folder, port) as running:
        yield running


def test_both_sides_are_given_every_bulk(tmp_path: Path) -> None:
    requests = [request("POST", "/bench/_bulk", body) for body in bulks(1000, 10_000)]
    with _node(tmp_path / "primary") as primary, _node(tmp_path / "shadow") as shadow:
        took, later = load_both(("127.0.0.1", primary.port), ("127.0.0.1", shadow.port), requests, clients=3)
        assert took > 0
        assert later >= 0
        assert primary.answered == shadow.answered == len(requests)
        assert primary.received_bytes == shadow.received_bytes > 200_000


def test_every_bulk_is_sent_once_and_told_when_it_is_answered(tmp_path: Path) -> None:
    requests = [request("POST", "/bench/_bulk", body) for body in bulks(1000, 10_000)]
    answered: list[bytes] = []
    lock = threading.Lock()

    def note(bulk: bytes) -> None:
        with lock:
            answered.append(bulk)

    with _node(tmp_path / "node") as node:
        load(("127.0.0.1", node.port), requests, 4, note)
    assert sorted(answered) == sorted(requests)


def test_a_bulk_with_errors_ends_the_load(tmp_path: Path) -> None:
    # An answer without "errors":false, as large as this.
    refused = request("POST", "/bench/_bulk", b"{}\n", {"X-Answer-Bytes": "5"})
    with _node(tmp_path / "node") as node, pytest.raises(UserError, match="not indexed whole"):
        load(("127.0.0.1", node.port), [refused], 1)


def _result(ours_s: float, later: float | None = 1.0, *, same: bool = True) -> LoadResult:
    right = Compared(10, "abc", 0, 0, 0, ())
    wrong = Compared(9, "def", 1, 0, 0, ("entry-000000004",))
    return LoadResult(
        {},
        10,
        [Loaded(10.0, 1.0, (10, 10)), Loaded(10.0, 1.0, (10, 10))],
        [Loaded(ours_s, later, (10, 10), {}, (right, right if same else wrong))] * 2,
    )


def test_the_verdict_is_about_the_ratio_of_the_medians() -> None:
    assert (
        verdicts(_result(10.4))[0]
        == "time of the load, of HAProxy alone: 1.040 (at most 1.05): yes; by rounds 1.040, 1.040"
    )
    assert "(at most 1.05): NO" in verdicts(_result(10.6))[0]


def test_a_shadow_that_was_spared_is_no_comparison() -> None:
    assert verdicts(_result(9.0, None))[0].startswith(
        "time of the load, of HAProxy alone: 0.900 (at most 1.05): NO"
    )
    assert "not comparable" in verdicts(_result(9.0, None))[0]


def test_differences_are_shown() -> None:
    assert verdicts(_result(10))[1] == "round 1: 10 and 10 of 10 documents, identical: yes"
    text = "\n".join(verdicts(_result(10, same=False)))
    assert "round 1: 10 and 9 of 10 documents, identical: NO" in text
    assert "missing 1, extra 0, differing 0: entry-000000004" in text


def test_the_table_has_every_load_and_the_medians() -> None:
    lines = table(_result(10.4)).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "HAProxy alone, round 1",
        "HAProxy alone, round 2",
        "ours, capture + mirror, round 1",
        "ours, capture + mirror, round 2",
        "HAProxy alone, median",
        "ours, capture + mirror, median",
    ]
