"""Several values after one flag."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.command import repeat_flags

TABLE = [
    ([], []),
    (["--n", "a"], ["--n", "a"]),
    (["--n", "a", "b", "c"], ["--n", "a", "--n", "b", "--n", "c"]),
    (["--n", "a", "--n", "b"], ["--n", "a", "--n", "b"]),
    (["--n=a", "b"], ["--n=a", "--n", "b"]),
    (["--n", "a", "-v", "b"], ["--n", "a", "-v", "b"]),
    (["--one", "a", "b"], ["--one", "a", "b"]),
    (["--n"], ["--n"]),
    (["x", "--n", "a"], ["x", "--n", "a"]),
]


@pytest.mark.parametrize(("given_words", "expected"), TABLE)
def test_the_flag_is_repeated_before_every_further_value(given_words: list[str], expected: list[str]) -> None:
    assert repeat_flags(given_words, {"--n"}) == expected


@given(st.lists(st.sampled_from(["--n", "--m", "--one", "a", "b"])))
def test_repeating_twice_changes_nothing_more(words: list[str]) -> None:
    try:
        once = repeat_flags(words, {"--n", "--m"})
    except click.BadOptionUsage:
        return
    assert repeat_flags(once, {"--n", "--m"}) == once
