"""What `benchmarks.order` makes of recorded times, what it sends, and what it says about it."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.order import figures
from benchmarks.order.answers import Bulks, search_answer
from benchmarks.order.figures import AtOnce, Lags, Seconds
from benchmarks.order.mixes import INDICES, MIXES, Ask, bulks, reads
from benchmarks.order.options import Choices, Numbers
from benchmarks.order.recording import Recorder, Records, Span, read_tag, tag
from benchmarks.order.results import Condition, Measured, Row, judge
from benchmarks.order.run import RunSettings, batches, conditions
from benchmarks.order.tables import in_order, table, verdicts, waits, warnings

S = 1_000_000_000


def spans(*times: tuple[float, float | None]) -> dict[int, Span]:
    """Requests numbered from 1, by when they came and were answered, in s."""
    return {
        number: Span(round(arrived * S), None if answered is None else round(answered * S))
        for number, (arrived, answered) in enumerate(times, 1)
    }


# Lags


def test_a_lag_is_from_the_primary_done_to_the_shadow_done() -> None:
    primary, shadow = spans((0, 1), (0, 2)), spans((1, 1.5), (2, 5))
    assert figures.lags(primary, shadow, 9 * S) == Lags(Seconds(0.5), Seconds(3), Seconds(3))


def test_what_the_shadow_is_not_done_with_is_at_least_so_late() -> None:
    primary = spans((0, 1), (0, 2), (0, 3))
    for shadow in (spans((1, 2), (2, 4)), spans((1, 2), (2, 4), (8, None))):
        found = figures.lags(primary, shadow, 9 * S)
        assert found == Lags(Seconds(2), Seconds(6, at_least=True), Seconds(6, at_least=True))


def test_a_percentile_above_the_least_of_what_grows_is_uncertain_too() -> None:
    # One is 1 s late and not done: it may yet be the latest of all.
    found = figures.lags(spans((0, 1), (0, 1), (0, 8)), spans((1, 3), (1, 5)), 9 * S)
    assert (found.p50, found.largest) == (Seconds(2, at_least=True), Seconds(4, at_least=True))


def test_what_the_primary_never_answered_has_no_lag() -> None:
    assert figures.lags(spans((0, None)), {}, 9 * S) == Lags(Seconds(0), Seconds(0), Seconds(0))


# Backlog and the end


def test_the_backlog_is_what_only_the_primary_has_answered() -> None:
    primary, shadow = spans((0, 1), (0, 2), (0, 3), (0, None)), spans((1, 2), (2, 5), (3, None))
    assert [figures.backlog(primary, shadow, at * S) for at in range(7)] == [0, 1, 1, 2, 2, 1, 1]


def test_the_shadow_is_done_after_its_last_answer() -> None:
    primary = spans((0, 1), (0, 2))
    assert figures.done_after(primary, spans((1, 7), (2, 4)), 3 * S, 9 * S) == Seconds(4)
    assert figures.done_after(primary, spans((1, 2), (2, 2)), 3 * S, 9 * S) == Seconds(0)
    assert figures.done_after(primary, spans((1, 2)), 3 * S, 9 * S) == Seconds(6, at_least=True)
    assert figures.missing(primary, spans((1, 2), (2, None))) == [2]


def test_given_are_those_that_came_between_two_times() -> None:
    assert figures.arrived(spans((0, 1), (1, 2), (2, None), (5, 6)).values(), 1 * S, 5 * S) == 0.5


# At once


def test_mean_at_once_is_weighted_by_time() -> None:
    # From 2 to 6: 1, 2, 2, 1 are under way.
    found = figures.at_once(spans((0, 5), (3, 6), (0, 1)).values(), 2 * S, 6 * S)
    assert found == AtOnce(2, 1.5)


def test_what_ends_makes_room_at_the_same_time() -> None:
    assert figures.at_once(spans((0, 1), (1, 2)).values(), 0, 2 * S) == AtOnce(1, 1.0)


def test_what_is_not_answered_is_under_way() -> None:
    assert figures.at_once(spans((1, None)).values(), 0, 4 * S) == AtOnce(1, 0.75)
    assert figures.at_once([], 0, 4 * S) == AtOnce(0, 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20) | st.none()), max_size=20))
def test_at_once_is_what_counting_second_by_second_gives(times: list[tuple[int, int | None]]) -> None:
    made = spans(*((begun, None if took is None else begun + took) for begun, took in times))
    counts = [
        sum(begun <= second and (took is None or second < begun + took) for begun, took in times)
        for second in range(100)
    ]
    found = figures.at_once(made.values(), 10 * S, 60 * S)
    assert found.most == max(counts)
    assert found.mean == pytest.approx(sum(counts[10:60]) / 50)


def test_the_request_that_hangs_can_be_left_out() -> None:
    assert figures.without(spans((0, 1), (0, 2)), {1}) == {2: Span(0, 2 * S)}


# The recorded times


def test_recorded_times_are_read_while_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "records"
    recorder, records = Recorder(path), Records(path)
    recorder.arrived(7)
    assert records.read()[7].answered_ns is None
    recorder.answered(7)
    recorder.arrived(8)
    found = records.read()
    assert found[7].arrived_ns <= (found[7].answered_ns or 0) <= found[8].arrived_ns
    assert records.repeated == 0
    recorder.arrived(7)
    assert records.read().keys() == {7, 8}
    assert records.repeated == 1


def test_half_a_record_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "records"
    Recorder(path).arrived(7)
    whole = path.read_bytes()
    path.write_bytes(whole[:5])
    records = Records(path)
    assert records.read() == {}
    path.write_bytes(whole)
    assert list(records.read()) == [7]


def test_a_tag_says_which_request_it_is_and_how_long_it_takes() -> None:
    assert read_tag(tag(12, 345).encode()) == (12, 345)
    for other in (b"", b"order-1", b"order-1-2-3", b"a-client's-own"):
        assert read_tag(other) is None


# What is sent


def test_one_read_of_each_twenty_is_slow() -> None:
    dues = list(reads(100, 60, 17))
    assert len(dues) == 6000
    assert [due.at_s for due in dues] == sorted(due.at_s for due in dues)
    assert dues[0].at_s >= 0
    assert dues[-1].at_s < 60
    for first in range(0, 6000, 20):
        assert sorted(due.ask.takes_ms for due in dues[first : first + 20]) == [5] * 19 + [1000]
    places = {number % 20 for number, due in enumerate(dues) if due.ask.takes_ms == 1000}
    assert len(places) > 10
    assert {due.ask.path for due in dues} == {f"/{index}/_search" for index in INDICES}


def test_the_same_seed_gives_the_same_load() -> None:
    assert list(reads(50, 5, 17)) == list(reads(50, 5, 17))
    assert list(reads(50, 5, 17)) != list(reads(50, 5, 18))
    assert list(itertools.islice(bulks(3, 17), 30)) == list(itertools.islice(bulks(3, 17), 30))


def _of_writers(count: int) -> list[Ask]:
    return [ask for writer in range(8) for ask in itertools.islice(bulks(writer, 17), count)]


def test_bulks_are_short_and_some_long() -> None:
    sizes = [len(ask.body) for ask in itertools.islice(bulks(0, 17), 50)]
    assert sum(size > 90_000 for size in sizes) == 2
    assert all(4_000 < size < 8_000 or 80_000 < size < 130_000 for size in sizes)
    assert all(100 <= ask.takes_ms <= 500 for ask in _of_writers(10))


def _documents(ask: Ask) -> list[tuple[str, str | None]]:
    """Index and id of each."""
    in_path = ask.path.removesuffix("/_bulk").strip("/")
    actions = [json.loads(line)["index"] for line in ask.body.splitlines()[::2]]
    return [(action.get("_index", in_path), action.get("_id")) for action in actions]


def test_bulks_write_each_named_document_once_and_into_every_index() -> None:
    documents = [document for ask in _of_writers(30) for document in _documents(ask)]
    named = [document for document in documents if document[1] is not None]
    assert len(named) == len(set(named)) > 0
    assert len(named) < len(documents) / 2
    assert {index for index, _ in documents} == set(INDICES)
    assert all(len({index for index, _ in _documents(ask)}) == 1 for ask in _of_writers(30))
    assert {ask.path == "/_bulk" for ask in _of_writers(2)} == {True, False}


def test_the_load_goes_on_while_the_shadow_has_the_request_that_hangs() -> None:
    mix = MIXES["one-hung"]
    assert (mix.hung_s(60), mix.load_s(60)) == (60, 95)
    assert (mix.hung_s(10), mix.load_s(10)) == (10, 20)
    assert (MIXES["reads"].hung_s(60), MIXES["reads"].load_s(60)) == (0, 60)


# What is answered


def test_a_search_is_answered_with_hits_of_its_index() -> None:
    answer = json.loads(search_answer("/shop-2/_search", 5))
    assert {hit["_index"] for hit in answer["hits"]["hits"]} == {"shop-2"}
    assert answer["took"] == 5


def test_a_bulk_is_answered_with_an_item_for_each_document() -> None:
    node = Bulks("primary")
    for ask in _of_writers(4):
        answer = json.loads(node.answer(ask.path, ask.body, 5))
        items = [item["index"] for item in answer["items"]]
        assert answer["errors"] is False
        assert [item["_index"] for item in items] == [index for index, _ in _documents(ask)]
        for item, (_, identifier) in zip(items, _documents(ask), strict=True):
            assert item["_id"] == identifier or (identifier is None and item["_id"].startswith("primary0"))
        assert len({item["_id"] for item in items}) == len(items)


# Goals


def _measured(**changes: object) -> Measured:
    measured = Measured(
        sent=6000,
        given=100.0,
        lags=Lags(Seconds(0.01), Seconds(2.0), Seconds(2.1)),
        backlog=12,
        done_after=Seconds(2.0),
        primary=AtOnce(12, 5.0),
        shadow=AtOnce(22, 9.5),
        longest_s=1.0,
    )
    return replace(measured, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("largest", "factor", "met"),
    [
        (Seconds(3.5), 2, True),
        (Seconds(3.51), 2, False),
        (Seconds(1.25), 0.5, True),
        (Seconds(1.26), 0.5, False),
        # It may have become anything.
        (Seconds(0.1, at_least=True), 2, False),
    ],
)
def test_the_largest_lag_is_held_against_the_shadows_longest_answer(
    largest: Seconds, factor: float, met: bool
) -> None:
    measured = _measured(lags=Lags(Seconds(0), Seconds(0), largest))
    assert judge(measured, factor).lag_met is met


@pytest.mark.parametrize(
    ("mean", "factor", "met"),
    [
        (10, 2, True),
        (9.01, 2, True),
        (8.99, 2, False),
        (10.99, 2, True),
        (11.01, 2, False),
        (2.5, 0.5, True),
        (5, 0.5, False),
    ],
)
def test_at_once_is_held_against_the_primarys_times_the_factor(mean: float, factor: float, met: bool) -> None:
    assert judge(_measured(shadow=AtOnce(30, mean)), factor).at_once_met is met


def test_losses_and_failures_are_no_success() -> None:
    assert judge(_measured(), 2).met
    assert not judge(_measured(losses={"primary mirror_dropped": 1}), 2).met
    assert not judge(_measured(failures={"status 503": 1}), 2).met


# What is said


def _rows() -> list[Row]:
    late = _measured(
        lags=Lags(Seconds(18.2), Seconds(24.7, at_least=True), Seconds(24.9, at_least=True)),
        shadow=AtOnce(5, 1.0),
        done_after=Seconds(20.0, at_least=True),
        losses={"primary mirror_dropped": 7},
        waits={"waiting_for_shadow": 806},
        left=608,
    )
    condition = Condition("reads", 100, 2)
    return [Row(condition, "rival", late, 0.6), Row(condition, "ours", _measured(), 0.6)]


def test_the_table_has_both_systems_beside_each_other() -> None:
    lines = table(_rows()).splitlines()
    words = [line.split("  ") for line in lines[2:]]
    assert [line[0] for line in words] == ["reads 100/s, shadow 2 x: rival", "reads 100/s, shadow 2 x: ours"]
    assert lines[2].split()[6:] == [
        "100", "18.20", ">24.70", ">24.90", "3.50", "12", ">20.00", "5.0", "(12)", "1.0", "(5)", "0.10", "7", "60%",
        "NO:", "lag,", "at", "once,", "lost",
    ]  # fmt: skip
    assert lines[3].endswith("met")


def test_the_verdict_names_every_load_that_is_not_as_it_should_be() -> None:
    ours = verdicts(_rows(), "ours")
    assert len(ours) == 1
    assert ours[0].endswith("yes, 1 of 1 loads")
    rival = verdicts(_rows(), "rival")
    assert rival[0].endswith("NO, 0 of 1 loads")
    (line,) = rival[1:]
    assert line.startswith("  reads 100/s, shadow 2 x: largest lag >24.90 s (at most 3.50); ")
    assert line.endswith("at once on the shadow 1.0 (wanted 10.0); lost or failed: primary mirror_dropped 7")


def test_what_the_primary_says_about_waiting_is_shown_where_it_says_it() -> None:
    assert waits(_rows()) == ["reads 100/s, shadow 2 x: rival: waiting_for_shadow 806, 608 not done"]


def test_a_busy_machine_and_a_late_client_are_told() -> None:
    assert warnings(_rows()) == []
    busy = [replace(row, idle_share=0.1) for row in _rows()]
    assert "reads 100/s, shadow 2 x" in warnings(busy)[0]
    assert verdicts(busy, "rival")[1].endswith("(the machine was busy)")
    late = [replace(_rows()[0], measured=_measured(late_s=0.3))]
    assert warnings(late) == ["warning: a request was sent 0.30 s late"]


# What is run


def test_every_condition_is_measured_once_and_bulks_at_no_rate() -> None:
    settings = RunSettings(side_by_side=3)
    every = conditions(settings)
    assert len(every) == len(set(every)) == 2 * 4 + 4 + 2 * 4 + 2 * 4
    assert {one.rate for one in every if one.mix == "bulks"} == {0}
    assert str(every[0]) == "reads 100/s, shadow 0.5 x"
    assert str(Condition("bulks", 0, 1.5)) == "bulks, shadow 1.5 x"
    run = list(batches(settings, cores=2))
    assert [one for batch in run for one in batch] == every
    assert all(len(batch) <= 3 and len({(one.mix, one.rate) for one in batch}) == 1 for batch in run)


def test_more_is_measured_at_the_same_time_where_there_is_room() -> None:
    def sizes(settings: RunSettings, cores: int) -> list[int]:
        return [len(batch) for batch in batches(settings, cores)]

    reads = RunSettings(mixes=("reads",), rates=(100, 300))
    assert sizes(reads, 1) == [1, 1, 1, 1] * 2
    # As many in one batch as in the other.
    assert sizes(reads, 2) == [2, 2, 1, 1, 1, 1]
    assert sizes(reads, 16) == [4, 4]
    assert sizes(replace(reads, alone=True), 2) == [4, 2, 2]
    assert sizes(replace(reads, side_by_side=1), 16) == [1] * 8
    assert sizes(RunSettings(mixes=("bulks",)), 2) == [4]
    assert sizes(RunSettings(mixes=("both",), rates=(300,)), 2) == [1, 1, 1, 1]


def test_rows_come_back_in_the_order_of_their_conditions() -> None:
    settings = RunSettings(factors=(2, 1), rates=(100,), mixes=("reads",))
    slow, fast = conditions(settings)
    rows = [
        Row(condition, system, _measured(), 0.5) for condition in (fast, slow) for system in ("ours", "rival")
    ]
    assert [(row.condition, row.system) for row in in_order(rows, [slow, fast])] == [
        (slow, "ours"), (slow, "rival"), (fast, "ours"), (fast, "rival"),
    ]  # fmt: skip


@click.command()
@click.option("--rates", default="1,2", type=Numbers(1, 10))
@click.option("--mixes", default="a,b", type=Choices(["a", "b"]))
def _command(rates: tuple[float, ...], mixes: tuple[str, ...]) -> None:
    click.echo(f"{rates} {mixes}")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ([], "(1.0, 2.0) ('a', 'b')"),
        (["--rates", "2.5,1,2.5", "--mixes", "b"], "(2.5, 1.0) ('b',)"),
        (["--rates", "0.5"], "not in the range 1 to 10"),
        (["--rates", "nan"], "not in the range 1 to 10"),
        (["--rates", "1;2"], "no list of numbers"),
        (["--mixes", "a,c"], "'c' is none of a, b"),
    ],
)
def test_lists_are_separated_by_commas(arguments: list[str], output: str) -> None:
    assert output in CliRunner().invoke(_command, arguments).output
