"""What is remembered is worked out once, and never too much is."""

import pytest

from record.remembered import Remembered


def test_it_asks_once_for_each_argument() -> None:
    asked = []

    def double(number: int) -> int:
        asked.append(number)
        return 2 * number

    doubles = Remembered(double, 10)
    assert [doubles[number] for number in (1, 2, 1, 2, 1)] == [2, 4, 2, 4, 2]
    assert asked == [1, 2]


def test_it_keeps_no_more_than_it_may() -> None:
    lengths = Remembered(len, 3)
    for number in range(100):
        assert lengths["x" * number] == number
        assert len(lengths) <= 3


def test_a_failure_is_not_remembered() -> None:
    numbers: Remembered[str, int] = Remembered(int, 3)
    for _ in range(2):
        with pytest.raises(ValueError, match="none"):
            assert numbers["none"]
    assert not numbers
