from benchmarks.load import Latency
from benchmarks.measure import Burst, Measured, ProcessCost
from benchmarks.results import Comparison, Reference, compare_elsewhere, compare_here, summarise
from benchmarks.table import cost_table, render, speed_table, verdict


def _measured(p50_ms: float, maximum: float | None, burst: float = 20_000) -> Measured:
    return Measured(
        latency=Latency(p50_ms, p50_ms * 2),
        burst=Burst(burst, behind=0, arrived_s=0.1, complete=True),
        maximum=maximum,
        trials=(),
        costs={
            "latency": {"HAProxy": ProcessCost(50, 20)},
            "maximum": {"HAProxy": ProcessCost(25, 20 + p50_ms)},
        },
    )


def test_columns_are_aligned() -> None:
    assert render([("name", "n"), ("a", "1,000"), ("bcdef", "2")]).splitlines() == [
        "name       n",
        "-----  -----",
        "a      1,000",
        "bcdef      2",
    ]


def test_summary_takes_medians_and_the_highest_memory() -> None:
    summary = summarise([_measured(1, 9000), _measured(3, 7000), _measured(2, 8000)])
    assert (summary.p50_ms, summary.p99_ms, summary.maximum) == (2, 4, 8000)
    assert summary.costs["maximum"]["HAProxy"] == ProcessCost(25, 23)


def test_a_round_in_which_nothing_passed_counts_as_zero() -> None:
    assert summarise([_measured(1, None), _measured(1, 7000), _measured(1, 9000)]).maximum == 7000
    assert summarise([_measured(1, None), _measured(1, None), _measured(1, 9000)]).maximum is None


def test_speed_table_shows_ratios() -> None:
    table = speed_table(
        {"alone": summarise([_measured(0.2, 60_000)]), "ours": summarise([_measured(0.5, 15_000)])},
        "alone",
        "envoy",
    )
    assert table.splitlines()[-1].split() == ["ours", "0.50", "1.00", "15,000", "0.25", "-", "20,000", "0"]


def test_cost_table_shows_every_process() -> None:
    assert cost_table({"alone": summarise([_measured(1, 1000)])}).splitlines()[-1].split() == (
        ["alone:", "HAProxy", "50", "25", "20", "21"]
    )


def test_compares_with_the_prototype_of_the_same_run() -> None:
    ours, prototype = (summarise([_measured(*args)]) for args in ((0.2, 15_000), (0.6, 10_000)))
    comparisons = compare_here(ours, prototype)
    assert [one.holds for one in comparisons] == [True, True, True]
    assert verdict("it", comparisons).startswith(
        "at least as fast as it: yes - maximum, req/s 15,000.00 (at least 10,000.00: yes); p50, ms 0.20 (at most 0.60: yes)"
    )
    assert [one.holds for one in compare_here(prototype, ours)] == [False, False, False]


def test_no_maximum_counts_as_zero() -> None:
    ours, prototype = (summarise([_measured(*args)]) for args in ((0.2, None), (0.6, 9_000)))
    assert [one.holds for one in compare_here(ours, prototype)] == [False, True, True]


def test_compares_with_the_prototype_of_another_machine() -> None:
    ours, haproxy, envoy = (
        summarise([_measured(*args)]) for args in ((0.6, 20_000), (0.2, 60_000), (0.3, 18_000))
    )
    comparisons = compare_elsewhere(ours, haproxy, envoy, Reference())
    assert [one.holds for one in comparisons] == [True, True, True, False]
    assert verdict("it", comparisons).startswith("at least as fast as it: NO")
    assert "maximum, of Envoy's mirror 1.11 (at least 1.14: NO)" in verdict("it", comparisons)


def test_verdict_is_yes_when_every_figure_holds() -> None:
    assert ": yes - " in verdict("it", [Comparison("p50", 0.4, 0.5, higher_is_better=False)])


def test_nothing_to_compare() -> None:
    ours = summarise([_measured(1, 1000)])
    assert verdict("it", compare_elsewhere(ours, None, None, Reference())) == "it: nothing to compare"
    assert verdict("it", compare_here(ours, None)) == "it: nothing to compare"
