import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latency import percentile, read_log, with_omitted


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (10, 1), (11, 2), (50, 5), (99, 10), (100, 10)])
def test_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile(range(1, 11), percent) == expected


def test_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_stall_counts_for_the_requests_that_it_delayed() -> None:
    # A stall of 350 ms on a connection that is due every 100 ms delayed three others: by 250, 150 and less than one interval.
    assert with_omitted([1, 350, 2], 100) == [1, 2, 150, 250, 350]


@given(st.lists(st.floats(0, 99)))
def test_latencies_below_the_interval_stay_as_they_are(latencies: list[float]) -> None:
    assert with_omitted(latencies, 100) == sorted(latencies)


def test_the_warm_up_is_left_out() -> None:
    text = "1000000\t200\t900\n1999999\t200\t800\n2000000\t200\t70\n2500000\t200\t60\n"
    assert read_log(text, 1_000_000) == [70, 60]


def test_an_error_is_no_latency() -> None:
    with pytest.raises(ValueError, match="503"):
        read_log("1\t200\t5\n2\t503\t1\n", 0)
