"""What a mix may look like, and what is drawn from it."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.mix import Mix, MixError, parse_mix

KNOWN = ("search", "get", "bulk")


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("search=70,get=20,bulk=10", {"search": 70, "get": 20, "bulk": 10}),
        (" get = 0.5 , search=1e2,", {"get": 0.5, "search": 100}),
        ("search=1,get=0", {"search": 1}),
    ],
)
def test_a_mix(text: str, weights: dict[str, float]) -> None:
    mix = parse_mix(text, KNOWN)
    assert mix.weights == weights
    assert parse_mix(str(mix), KNOWN) == mix


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("serch=70", "there is no operation 'serch'", "did you mean 'search'?"),
        ("xyz=1", "there is no operation 'xyz'", "the operations: search, get, bulk"),
        ("=1", "there is no operation ''", "the operations: search, get, bulk"),
        ("get", "'get' has no weight", "write it as search=70,get=20,bulk=10"),
        ("get=", "the weight of 'get' is '', not a number", "write it as search=70,get=20,bulk=10"),
        ("get=1=2", "the weight of 'get' is '1=2', not a number", "write it as search=70,get=20,bulk=10"),
        ("get=-1", "the weight of 'get' is -1", "a weight is a number from 0"),
        ("get=nan", "the weight of 'get' is nan", "a weight is a number from 0"),
        ("get=inf", "the weight of 'get' is inf", "a weight is a number from 0"),
        ("get=1,get=2", "'get' is there twice", "name every operation once"),
        ("get=0,bulk=0", "no operation has a weight above 0", "write it as search=70,get=20,bulk=10"),
        (" , ", "there is no operation in it", "write it as search=70,get=20,bulk=10"),
    ],
)
def test_what_is_no_mix(text: str, message: str, hint: str) -> None:
    with pytest.raises(MixError) as caught:
        parse_mix(text, KNOWN)
    assert (str(caught.value), caught.value.hint) == (message, hint)


@given(st.text(alphabet="searchgetbulk=,.0123456789- ", max_size=40))
def test_any_text_is_a_mix_or_refused_with_a_hint(text: str) -> None:
    try:
        mix = parse_mix(text, KNOWN)
    except MixError as error:
        refusal = f"{error}; {error.hint}"
    else:
        refusal = ""
        assert set(mix.weights) <= set(KNOWN)
        assert min(mix.weights.values()) > 0
    assert not refusal.startswith(";")
    assert not refusal.endswith("; ")


def test_draws_follow_the_weights() -> None:
    mix = Mix({"search": 70, "get": 20, "bulk": 10})
    source = random.Random("draws")
    drawn = Counter(mix.draw(source) for _ in range(10_000))
    assert {name: round(count / 1000) for name, count in drawn.items()} == {"search": 7, "get": 2, "bulk": 1}
