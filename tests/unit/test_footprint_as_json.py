"""Footprints in the file of requests that wait for the next agent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.footprints.as_json import dump_footprint, load_footprint
from agent.footprints.footprint import EVERYTHING, NOTHING, Documents, Footprint

names = st.binary(max_size=12)
groups = st.lists(
    st.builds(Documents, names, st.lists(names, max_size=3).map(tuple)), max_size=3
).map(tuple)  # fmt: skip
indices = st.lists(names, max_size=3).map(tuple)


@given(st.builds(Footprint, st.booleans(), indices, groups, st.booleans(), indices, groups, indices))
def test_what_is_kept_is_what_comes_back(footprint: Footprint) -> None:
    assert load_footprint(json.loads(json.dumps(dump_footprint(footprint)))) == footprint


def test_nothing_takes_no_room() -> None:
    assert dump_footprint(NOTHING) == {}


@pytest.mark.parametrize(
    "values",
    [None, [], "x", 3, {"readsIndices": 3}, {"writesIndices": [3]}, {"addsTo": ["\u20ac"]},
     {"writesDocuments": [["i"]]}, {"readsDocuments": [["i", 3]]}],
)  # fmt: skip
def test_what_cannot_be_read_keeps_its_order(values: Any) -> None:
    assert load_footprint(values) == EVERYTHING
