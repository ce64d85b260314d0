"""Every endpoint of ``rest_endpoints.txt`` is in the table of footprints, and is what the list says."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.footprints import kinds
from agent.footprints.endpoint_table import ENDPOINTS
from agent.footprints.endpoints import find

LIST = Path(__file__).parent / "rest_endpoints.txt"
SOURCES = {"es-6.8", "es-7.10", "os-2.x", "plugin"}
_PLACEHOLDER = re.compile(r"\{\w+\}")


class Listed(NamedTuple):
    method: str
    path: str
    sources: str
    kind: str


def _listed() -> list[Listed]:
    lines = LIST.read_text().splitlines()
    return [Listed(*line.split(" ", 3)) for line in lines if not line.startswith("#")]


LISTED = _listed()


def _request(path: str) -> list[bytes]:
    """The segments of a request for a path, with names that clients may give."""
    return [_PLACEHOLDER.sub("some-name", segment).encode() for segment in path.split("/")[1:] if segment]


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_source_is_listed(source: str) -> None:
    # Fewer would be a list that was cut.
    assert sum(source in one.sources.split(",") for one in LISTED) > 300


def test_the_list_has_each_endpoint_once() -> None:
    shapes = [(one.method, _PLACEHOLDER.sub("{}", one.path)) for one in LISTED]

    assert len(set(shapes)) == len(shapes)
    assert {source for one in LISTED for source in one.sources.split(",")} == SOURCES
    assert {one.kind for one in LISTED} <= {row[0] for row in ENDPOINTS}


@pytest.mark.parametrize("one", LISTED, ids=lambda one: f"{one.method} {one.path}")
def test_a_listed_endpoint_is_in_the_table(one: Listed) -> None:
    found = find(one.method.encode(), _request(one.path))

    assert found is not None
    assert found.kind == one.kind


@pytest.mark.parametrize("one", LISTED, ids=lambda one: f"{one.method} {one.path}")
def test_an_endpoints_own_words_are_taken_for_no_name(one: Listed) -> None:
    found = find(one.method.encode(), _request(one.path))

    assert found is not None
    path = one.path.replace("/_opendistro/", "/_plugins/")
    for own, entry in zip(path.split("/"), found.pattern.split("/"), strict=False):
        if entry == "**":
            break
        # {name} says nothing of what is read or written.
        if not own.startswith("{") and entry != "{name}":
            assert entry == own
        if entry in {"{index}", "{type}", "{id}", "{target}"}:
            assert own.startswith("{")


def test_requests_that_only_read_write_nothing() -> None:
    reading = {
        kinds.NOTHING,
        kinds.CLUSTER,
        kinds.ALL,
        kinds.INDICES,
        kinds.SEARCH,
        kinds.MSEARCH,
        kinds.TEMPLATE,
    }
    searches = [
        one
        for one in LISTED
        if re.search(r"/(_search|_count|_explain|_preview|_simulate|_validate\w*)$", one.path)
    ]

    assert len(searches) > 50
    for one in searches:
        assert one.kind in reading | {kinds.EXPLAIN, kinds.DESCRIBE}, one
