"""An agent that is frozen, dead or too slow: HAProxy's ring keeps what it has not read, within its size."""

from collections import Counter
from collections.abc import Iterator

import pytest

from capture.engine import Engine
from tests.integration.load_client import run_load
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.rig import (
    Rig,
    Setting,
    agent_pid,
    await_new_agent,
    entries_by_case,
    open_rig,
    poll,
    signal_agent,
    status_of,
)


@pytest.fixture(scope="module")
def setting(docker_engine: Engine, images: Images, network: str, session_id: str) -> Setting:
    return Setting(docker_engine, images, network, session_id)


@pytest.fixture(scope="module")
def rig(setting: Setting) -> Iterator[Rig]:
    with open_rig(setting) as rig:
        yield rig


def post(rig: Rig, count: int, body: bytes) -> list[str]:
    """So many requests over one connection, each after the answer to the one before: their cases. All write the same document, so each waits for the one before."""
    cases = [new_case() for _ in range(count)]
    with RawClient(rig.primary.address) as client:
        for case in cases:
            assert client.exchange(Request("PUT", b"/i/_doc/1", case=case, body=body)).status == 200
    return cases


def lines_of(proxy: Proxy, cases: list[str]) -> Counter[str]:
    """How many lines each of the cases has, once all have one."""

    def look() -> Counter[str] | None:
        found = entries_by_case(proxy)
        return (
            Counter({case: len(found.get(case, ())) for case in cases})
            if cases and all(case in found for case in cases)
            else None
        )

    return poll("a line of each request", look, 30, every_s=0.2)


def test_what_a_frozen_agent_missed_is_captured_and_mirrored_in_order(rig: Rig) -> None:
    signal_agent(rig.primary, "STOP")
    try:
        future = rig.loop_thread.start(run_load(rig.primary.address, 6000, 8))
        cases = post(rig, 50, b"{}")
        load = future.result(60)
    finally:
        signal_agent(rig.primary, "CONT")
    assert load.errors == []
    assert set(lines_of(rig.primary, cases).values()) == {1}
    assert set(lines_of(rig.shadow, cases).values()) == {1}
    assert [r.case for r in rig.shadow_node.requests if r.case in cases] == cases
    poll("all to be mirrored", lambda: status_of(rig.primary)["mirrored"] >= 6050)
    assert {r.target for r in rig.shadow_node.requests} >= {path.encode() for path in load.exchanges}
    assert status_of(rig.primary)["ring_dropped"] == 0


@pytest.mark.parametrize("cluster", ["primary", "shadow"])
def test_the_ring_goes_on_with_the_agent_that_replaces_a_dead_one(rig: Rig, cluster: str) -> None:
    proxy = rig.primary if cluster == "primary" else rig.shadow
    first_pid = agent_pid(proxy)
    signal_agent(proxy, "KILL")
    # Nobody notices. (What HAProxy had handed to the dead agent, or hands to it before it notices, is lost.)
    post(rig, 100, b"{}")
    await_new_agent(proxy, first_pid)
    cases = post(rig, 100, b"{}")
    assert set(lines_of(rig.primary, cases).values()) == {1}
    assert set(lines_of(rig.shadow, cases).values()) == {1}
    assert [r.case for r in rig.shadow_node.requests if r.case in cases] == cases


def test_what_the_ring_has_no_room_for_is_counted(setting: Setting) -> None:
    with open_rig(setting, env={"CAPTURE_RING_BYTES": str(1 << 20)}) as rig:
        signal_agent(rig.primary, "STOP")
        try:
            cases = post(rig, 400, b"x" * 6000)
        finally:
            signal_agent(rig.primary, "CONT")
        # HAProxy tells of it with the next line that it has room for.
        cases += post(rig, 1, b"{}")

        def counted() -> bool:
            status = status_of(rig.primary)
            return bool(status["captured"] + status["ring_dropped"] == len(cases))

        poll("all to be captured or counted", counted, 20)
        status = status_of(rig.primary)
        assert 0 < status["ring_dropped"] < 400
        assert "transactions are lost" in rig.primary.logs()
        # The order does not wait for them for ever.
        poll("the rest to be mirrored", lambda: status_of(rig.primary)["mirrored"] == status["captured"], 20)
