"""A tee, or the agent behind it, that is dead, frozen or full: clients are served, and the log says what it has not."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from capture.engine import Engine
from tests.integration.content import content_of
from tests.integration.fidelity_bodies import KB, MB, text
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import Answer, RawClient, Request, new_case
from tests.integration.rig import (
    Entry,
    Rig,
    Setting,
    agent_pid,
    await_new_agent,
    entries_of,
    open_rig,
    poll,
    signal_agent,
    signal_tee,
    status_of,
    tee_pid,
)

# A request that waits for the tee's health check, or for a time-out of HAProxy's own, takes longer on any machine.
_AT_ONCE_S = 2.0

_ASK_TEE = """
import os, socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect(next(d for d in ("/run/capture", "/dev/shm/capture") if os.path.exists(d + "/tee.sock")) + "/tee-status.sock")
    print(s.makefile().read())
"""


@pytest.fixture(scope="module")
def setting(docker_engine: Engine, images: Images, network: str, session_id: str) -> Setting:
    return Setting(docker_engine, images, network, session_id)


@pytest.fixture(scope="module")
def rig(setting: Setting) -> Iterator[Rig]:
    with open_rig(setting) as rig:
        yield rig


def bulk(size: int) -> Request:
    """It is known by its query too: of one that was broken off there may be no more."""
    case = new_case()
    return Request("POST", b"/_bulk?" + case.encode(), body=text(size), case=case)


def exchange(rig: Rig, request: Request) -> tuple[Answer, float]:
    """The answer on a connection of its own, and how long it took."""
    with RawClient(rig.primary.address, timeout_s=40) as client:
        started = client.opened_s
        answer = client.exchange(request)
        return answer, answer.last_byte_s - started


def served_at_once(rig: Rig, what: str, requests: list[Request]) -> None:
    """All of them, in parallel, are answered by the node without a wait worth the name."""
    with ThreadPoolExecutor(len(requests)) as pool:
        done = list(pool.map(lambda request: exchange(rig, request), requests))
    waits = [f"{len(r.body) // KB} KB {s * 1000:.0f} ms" for r, (_, s) in zip(requests, done, strict=True)]
    print(f"{what}: {', '.join(waits)}")
    assert [answer.status for answer, _ in done] == [200] * len(requests)
    assert all(answer.complete for answer, _ in done)
    assert max(seconds for _, seconds in done) < _AT_ONCE_S
    for request in requests:
        (at_node,) = rig.primary_node.by_case(request.case)
        assert at_node.content == content_of(request.body)


def the_entry(proxy: Proxy, case: str, timeout_s: float = 30) -> Entry:
    (entry,) = poll(f"the entry of {case}", lambda: entries_of(proxy, case) or None, timeout_s)
    return entry


def is_whole_on_both_sides(rig: Rig, request: Request) -> bool:
    """Whether the request took the way through the tee (or fits a line), in the logs and on the shadow."""
    if "_truncated" in the_entry(rig.primary, request.case):
        return False
    (primary,), (shadow,) = rig.entries(request.case, timeout_s=30)
    assert primary["_id"] == shadow["_id"]
    assert primary["request"]["postData"]["text"].encode() == request.body
    (on_shadow,) = rig.shadow_node.by_case(request.case)
    assert on_shadow.content == content_of(request.body)
    return True


def await_use_of_the_tee(rig: Rig, old_pid: str) -> None:
    """A tee other than ``old_pid`` (or the same one again) has requests."""
    poll("a tee", lambda: tee_pid(rig.primary) not in ("", old_pid), 30)

    def used() -> bool:
        request = bulk(MB)
        answer, _ = exchange(rig, request)
        assert answer.status == 200
        return is_whole_on_both_sides(rig, request)

    poll("requests through the tee", used, 30, every_s=0.2)


def parallel() -> list[Request]:
    """Requests whose answers are needed whole, and others that are long."""
    return [bulk(size) for size in (KB, MB, KB, MB, KB, MB)]


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_an_agent_that_is_away_is_not_felt_by_large_requests(rig: Rig, signal: str) -> None:
    under_way, pid = bulk(4 * MB), agent_pid(rig.primary)
    with RawClient(rig.primary.address) as client:
        client.send(under_way.wire[: 2 * MB])
        poll("the first part at the node", lambda: rig.primary_node.received_of(under_way.case) > 0)
        signal_agent(rig.primary, signal)
        try:
            client.send(under_way.wire[2 * MB :])
            assert client.answer("POST").status == 200
            after = parallel()
            served_at_once(rig, f"agent {signal}", after)
        finally:
            if signal == "STOP":
                signal_agent(rig.primary, "CONT")
    if signal == "KILL":
        await_new_agent(rig.primary, pid)
        # Of these the dead agent may have had HAProxy's lines.
        after = [bulk(MB)]
        served_at_once(rig, "with a new agent", after)
    for request in after:
        assert is_whole_on_both_sides(rig, request)


@pytest.mark.parametrize("signal", ["STOP", "KILL"])
def test_a_tee_that_is_away_costs_no_request_and_no_wait(rig: Rig, signal: str) -> None:
    await_use_of_the_tee(rig, "")
    before, pid = status_of(rig.primary), tee_pid(rig.primary)
    under_way = bulk(MB)
    with RawClient(rig.primary.address, timeout_s=40) as client:
        client.send(under_way.wire[: MB // 2])
        poll("a part at the node", lambda: rig.primary_node.received_of(under_way.case) > 0)
        signal_tee(rig.primary, signal)
        requests = parallel()
        served_at_once(rig, f"tee {signal}", requests)
        # The supervisor's other tee ends it: for HAProxy it is a node that went.
        answer = client.answer("POST")
        # As where a node dies: HAProxy 3.0 answers, and would still take the rest of the request (docs/decisions/0001).
        assert (answer.status, client.end(20)) in (
            (502, "open"),
            (502, "closed"),
            (0, "closed"),
            (0, "reset"),
        )
    poll("another tee", lambda: tee_pid(rig.primary) not in ("", pid), 30)
    entry = the_entry(rig.primary, under_way.case)
    assert "request" in entry["_truncated"]
    assert entry["_mirror"].startswith("not sent")
    passed_by = [request for request in requests if not is_whole_on_both_sides(rig, request)]
    for request in passed_by:
        entry = the_entry(rig.primary, request.case)
        print(f"{len(request.body) // KB} KB: {entry['timings']}")
        assert entry["_mirror"].startswith("not sent")
        # The answer too, but where the tee was known to be away: HAProxy shows the agent what fits then.
        assert entry["_truncated"] in (["request", "response"], ["request"])
        assert entry["response"]["status"] == 200
        assert entry["request"]["bodySize"] == len(request.body)
        assert "postData" not in entry["request"] or len(entry["request"]["postData"]["text"]) < 64 * KB
        assert rig.shadow_node.by_case(request.case) == []
    # Those that don't fit a line can't have been whole.
    assert {len(request.body) for request in passed_by} >= {MB}
    counted = status_of(rig.primary)["not_mirrored_truncated"] - before["not_mirrored_truncated"]
    assert counted == len(passed_by) + 1
    await_use_of_the_tee(rig, pid)


def test_a_full_spool_costs_the_copy_only(setting: Setting) -> None:
    env = {"CAPTURE_SPOOL_BYTES": str(MB), "CAPTURE_TEE_MEMORY_BYTES": str(MB)}
    with open_rig(setting, env=env) as rig:
        requests = [bulk(MB) for _ in range(12)]
        signal_agent(rig.primary, "STOP")
        try:
            served_at_once(rig, "full spool", requests)
            tee = json.loads(rig.primary.exec("python3", "-c", _ASK_TEE))
            assert tee["copies_given_up"] > 0
        finally:
            signal_agent(rig.primary, "CONT")
        # There may have been room for a request, and none for its answer.
        cut = [r for r in requests if "request" in the_entry(rig.primary, r.case).get("_truncated", [])]
        assert len(cut) > len(requests) // 2
        for request in cut:
            (entry,) = entries_of(rig.primary, request.case)
            assert entry["_mirror"].startswith("not sent")
            assert rig.shadow_node.by_case(request.case) == []
        status = status_of(rig.primary)
        assert status["not_mirrored_truncated"] == len(cut)
        assert status["tee"]["copies_given_up"] >= len(cut)
        assert re.search("no room for a copy", rig.primary.logs())
        # And when there is room again:
        after = bulk(256 * KB)
        served_at_once(rig, "after it", [after])
        assert is_whole_on_both_sides(rig, after)
