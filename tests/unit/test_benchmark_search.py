from hypothesis import given
from hypothesis import strategies as st

from benchmarks.search import RateSearch, Trial


def _search(search: RateSearch, capacity: float, saturation: float = float("inf")) -> list[float]:
    """Run it on a subject that passes up to ``capacity`` and slows its clients down to ``saturation``; the rates tried."""
    tried = []
    while (rate := search.next_rate()) is not None:
        tried.append(rate)
        achieved = min(rate, saturation)
        search.record(Trial(rate, achieved, achieved <= capacity))
    return tried


@given(st.floats(500, 20_000), st.floats(0.7, 1.4))
def test_finds_the_capacity_when_the_guess_is_near(capacity: float, error: float) -> None:
    search = RateSearch(capacity * error, ceiling=capacity * 2)
    _search(search, capacity)
    assert search.best is not None
    assert 0.93 * capacity <= search.best.achieved <= capacity


@given(st.floats(100, 20_000), st.floats(100, 20_000), st.floats(100, 30_000))
def test_is_bounded_and_reports_only_what_passed(capacity: float, guess: float, ceiling: float) -> None:
    search = RateSearch(guess, ceiling, trials=6)
    tried = _search(search, capacity)
    assert 1 <= len(tried) <= 6
    assert max(tried) <= ceiling
    assert search.best is None or search.best.achieved <= capacity


def test_begins_at_the_guess() -> None:
    assert RateSearch(9000, 20_000).next_rate() == 9000


def test_never_tries_what_failed_or_what_passed_already() -> None:
    tried = _search(RateSearch(9000, 20_000), 10_000)
    assert len(set(tried)) == len(tried)


def test_ends_when_the_subject_slows_its_clients_down() -> None:
    search = RateSearch(9000, 20_000)
    assert _search(search, capacity=20_000, saturation=8000) == [9000]
    assert search.best == Trial(9000, 8000, passed=True)


def test_nothing_passes() -> None:
    search = RateSearch(9000, 20_000, trials=3)
    assert len(_search(search, capacity=1)) == 3
    assert search.best is None
