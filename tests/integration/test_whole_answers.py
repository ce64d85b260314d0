"""Answers of any length are in both logs whole where the operator asks for it."""

from collections.abc import Iterator

import pytest

from capture.engine import Engine
from tests.integration.fidelity_bodies import MB
from tests.integration.proxies import Images
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.rig import Entry, Rig, Setting, open_rig, status_of


@pytest.fixture(scope="module")
def setting(docker_engine: Engine, images: Images, network: str, session_id: str) -> Setting:
    return Setting(docker_engine, images, network, session_id)


@pytest.fixture(scope="module")
def all_whole(setting: Setting) -> Iterator[Rig]:
    with open_rig(setting, env={"CAPTURE_CAPTURE_RESPONSES": "whole"}) as rig:
        yield rig


@pytest.fixture(scope="module")
def searches_whole(setting: Setting) -> Iterator[Rig]:
    with open_rig(setting, env={"CAPTURE_WHOLE_ANSWERS": "/_search"}) as rig:
        yield rig


def ask(rig: Rig, method: str, path: bytes, answer: str) -> tuple[bytes, list[Entry]]:
    """The answer's body as the client got it, and what both logs say."""
    case = new_case()
    request = Request(method, path + b"?" + case.encode(), case=case, answer=answer)
    with RawClient(rig.primary.address) as client:
        got = client.exchange(request)
    assert (got.status, got.complete) == (200, True)
    primary, shadow = rig.entries(case)
    return got.body, [*primary, *shadow]


def check_whole(body: bytes, entries: list[Entry]) -> None:
    primary, shadow = entries
    assert primary["_id"] == shadow["_id"]
    for entry in entries:
        assert "_truncated" not in entry
        assert entry["response"]["content"]["text"].encode() == body
        assert entry["response"]["bodySize"] == entry["response"]["content"]["size"] == len(body)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_plain_get_with_a_large_answer_when_all_are_wanted(all_whole: Rig, framing: str) -> None:
    body, entries = ask(all_whole, "GET", b"/i/_doc/1", f"size={MB} framing={framing}")
    assert len(body) == MB
    check_whole(body, entries)


def test_a_small_answer_when_all_are_wanted(all_whole: Rig) -> None:
    check_whole(*ask(all_whole, "GET", b"/", "size=12"))


def test_a_named_path_and_no_other(searches_whole: Rig) -> None:
    check_whole(*ask(searches_whole, "GET", b"/i/_search", f"size={MB}"))
    _, entries = ask(searches_whole, "GET", b"/i/_doc/1", f"size={MB}")
    assert [entry["_truncated"] for entry in entries] == [["response"]] * 2


def test_a_node_that_says_without_end_that_it_works(all_whole: Rig) -> None:
    # Where the answer's head comes in one read with an interim one and its body later, HAProxy 3.0.11 itself passes on no body: hence the delay.
    before = status_of(all_whole.primary)["answers_not_reached"]
    case = new_case()
    request = Request(
        "GET", b"/i/_doc/1?" + case.encode(), case=case, answer="size=12 interim=102 interims=3000 delay=0.05"
    )
    with RawClient(all_whole.primary.address) as client:
        got = client.exchange(request)
    assert (len(got.interim), got.status, len(got.body)) == (3000, 200, 12)
    (entry,), _ = all_whole.entries(case)
    assert entry["response"]["status"] == 200
    assert "text" not in entry["response"]["content"]
    assert entry["_truncated"] == ["response"]
    assert status_of(all_whole.primary)["answers_not_reached"] == before + 1
    check_whole(*ask(all_whole, "GET", b"/", "size=12"))
