"""Which differences between the two clusters' answers are a fault."""

from typing import Any

import pytest

from tests.e2e.ordering.history import History, Json, Key, State, hits
from tests.e2e.ordering.judge import Answer, Exchange, Verdict, judge
from tests.e2e.ordering.operations import Operation
from tests.e2e.ordering.steps import Read, Step

KEY = Key("a", "shared:1")
FIRST, SECOND = State(1, {"step": 1}), State(2, {"step": 3})
WRITE = Operation("index", "a", "shared:1", {"step": 1})


def answer(body: Any, began: float = 0, ended: float = 1, status: int = 200) -> Answer:
    return Answer(status, body, began, ended)


def document(state: State) -> Json:
    return {"found": state.source is not None, "_version": state.version, "_source": state.source}


def written(result: str = "updated", version: int = 2, **more: Any) -> Json:
    return {"result": result, "_version": version, "_id": "shared:1"} | more


def read_verdict(shadow: State, *, write_began: float = 0.5) -> Verdict:
    """Of a read in a client's second step, which the shadow ended at 1; its third step wrote `SECOND`."""
    history = History()
    history.put(KEY, 1, FIRST)
    history.put(KEY, 3, SECOND)
    steps = [
        Exchange(0, Step(2, "get", "GET", "/a/_doc/shared:1", reads=(Read(KEY, FIRST),)),
                 answer(document(FIRST)), answer(document(shadow))),
        Exchange(0, Step(3, "write", "PUT", "/a/_doc/shared:1", operations=(WRITE,)),
                 answer(written()), answer(written(), began=write_began)),
    ]  # fmt: skip
    return judge(steps, [history])


def test_the_same_state_is_read() -> None:
    verdict = read_verdict(FIRST)
    assert (verdict.reads, verdict.writes, verdict.differing) == ({"same": 1}, 1, [])


@pytest.mark.parametrize("shadow", [State(None, None), State(1, {"step": 0}), State(7, FIRST.source)])
def test_an_earlier_or_unknown_state_is_a_fault(shadow: State) -> None:
    verdict = read_verdict(shadow)
    assert verdict.reads == {"differing": 1}
    assert len(verdict.differing) == 1


def test_a_later_write_may_overtake_a_read() -> None:
    assert read_verdict(SECOND).reads == {"overtaken": 1}


def test_a_later_write_that_had_not_begun_explains_nothing() -> None:
    assert read_verdict(SECOND, write_began=1.5).reads == {"differing": 1}


@pytest.mark.parametrize(
    ("version", "kind"), [(4, "differing"), (5, "newer"), (6, "newer"), (None, "differing")]
)
def test_a_contested_document_may_be_newer_and_never_older(version: int | None, kind: str) -> None:
    read = Read(KEY, State(5, None), newer_too=True)
    shadow = State(version, None if version is None else {})
    history = History()
    step = Step(1, "get", "GET", "/a/_doc/contested:1", reads=(read,))
    verdict = judge([Exchange(0, step, answer(document(State(5, {}))), answer(document(shadow)))], [history])
    assert verdict.reads == {kind: 1}


def test_hits_are_read_too() -> None:
    read = Read(Key("*", "mark"), hits(3))
    step = Step(1, "search", "POST", "/a/_search", reads=(read,))
    totals = [answer({"hits": {"total": {"value": total}}}) for total in (3, 2)]
    assert judge([Exchange(0, step, totals[0], totals[0])], [History()]).reads == {"same": 1}
    assert judge([Exchange(0, step, totals[0], totals[1])], [History()]).reads == {"differing": 1}


@pytest.mark.parametrize(
    ("total", "kind"), [(3, "same"), (2, "overtaken"), (1, "overtaken"), (0, "differing"), (4, "differing")]
)
def test_a_search_may_find_some_of_what_a_later_bulk_deletes(total: int, kind: str) -> None:
    marker = Key("*", "mark")
    history = History()
    history.put(marker, 1, hits(3))
    history.put(marker, 3, hits(1))
    search = Step(2, "search", "POST", "/a/_search", reads=(Read(marker, hits(3)),))
    found = [answer({"hits": {"total": {"value": each}}}) for each in (3, total)]
    deletion = Exchange(0, Step(3, "bulk", "POST", "/_bulk"), answer({"items": []}), answer({"items": []}))
    assert judge([Exchange(0, search, *found), deletion], [history]).reads == {kind: 1}


def test_an_answer_that_is_no_document_differs() -> None:
    step = Step(1, "get", "GET", "/a/_doc/shared:1", reads=(Read(KEY, FIRST),))
    failed = answer({"error": {"type": "no_shard_available"}}, status=503)
    assert judge([Exchange(0, step, answer(document(FIRST)), failed)], [History()]).reads == {"differing": 1}


@pytest.mark.parametrize(
    ("shadow", "status"),
    [
        (written(version=3), 200),
        (written(result="created"), 200),
        ({"error": {"type": "version_conflict_engine_exception"}}, 409),
    ],
)
def test_a_write_that_came_to_something_else_is_a_fault(shadow: Json, status: int) -> None:
    step = Step(1, "write", "PUT", "/a/_doc/shared:1", operations=(WRITE,))
    exchange = Exchange(0, step, answer(written()), answer(shadow, status=status))
    assert len(judge([exchange], [History()]).differing) == 1


def test_items_of_a_bulk_are_compared_one_by_one_but_for_ids_of_the_clusters() -> None:
    new = Operation("index", "a", None, {})
    step = Step(1, "bulk", "POST", "/_bulk", operations=(WRITE, WRITE, new))
    item = written(status=200)
    made = [{"status": 201, "result": "created", "_version": 1, "_id": name} for name in ("AAA", "BBB")]
    primary = {"items": [{"index": item}, {"index": item}, {"index": made[0]}]}
    shadow = {"items": [{"index": item}, {"index": item | {"_version": 3}}, {"index": made[1]}]}
    verdict = judge([Exchange(0, step, answer(primary), answer(shadow))], [History()])
    assert (verdict.writes, len(verdict.differing)) == (2, 1)
    missing = {"items": shadow["items"][:1]}
    assert judge([Exchange(0, step, answer(primary), answer(missing))], [History()]).differing


def test_a_contested_write_may_come_to_anything() -> None:
    step = Step(1, "write", "PUT", "/a/_doc/contested:1", operations=(WRITE,), contested=True)
    exchange = Exchange(0, step, answer(written()), answer({"error": {}}, status=409))
    assert judge([exchange], [History()]) == Verdict(contested=1)
