"""Slow, stalled, vanished and oversized: the client sees what it would see through a plain HAProxy, and the log says what happened."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from capture.engine import Engine
from tests.integration.load_client import run_load
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import Answer, RawClient, Request, new_case
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import (
    PATIENT,
    Entry,
    Rig,
    Setting,
    Timeouts,
    agent_pid,
    entries_of,
    open_rig,
    poll,
    signal_agent,
)

Address = tuple[str, int]

# Short enough to wait for: a client that is silent for so long is given up, by the proxies and by the plain HAProxy.
CLIENT_TIMEOUT_S = 8

# The log is to tell of an end this soon.
SOON_S = 2.0


@dataclass(frozen=True)
class Seen:
    """What a client sees."""

    answer: Answer
    rest: bytes | None = None
    """What comes after the answer until the end of the connection; None when that is not waited for."""
    seconds: float = field(default=0.0, compare=False)
    ended_s: float = field(default=0.0, compare=False)
    """``time.monotonic()`` of the end of it all."""


@dataclass(frozen=True)
class Scenario:
    """A request, and a client that treats it in its own way."""

    request: Request
    act: Callable[[RawClient, Request], Seen]


def talk(address: Address, scenario: Scenario) -> Seen:
    """Play the client."""
    start = time.monotonic()
    with RawClient(address, 40) as client:
        seen = scenario.act(client, scenario.request)
    end = time.monotonic()
    return Seen(seen.answer, seen.rest, end - start, end)


def plainly(client: RawClient, request: Request) -> Seen:
    """Send, and read the answer."""
    return Seen(client.exchange(request))


def to_the_end(client: RawClient, request: Request) -> Seen:
    """Send, and read until the connection is ended."""
    return Seen(client.exchange(request), client.rest())


def after_another(client: RawClient, request: Request) -> Seen:
    """Send it on a connection on which another one has been answered."""
    assert client.exchange(Request()).status == 200
    return Seen(client.exchange(request), client.rest())


def byte_by_byte(client: RawClient, request: Request) -> Seen:
    """Upload one byte a second."""
    client.send(request.head)
    for position in range(len(request.wire_body)):
        time.sleep(1)
        client.send(request.wire_body[position : position + 1])
    return Seen(client.answer(request.method))


def slowly_at_the_end(client: RawClient, request: Request) -> Seen:
    """Upload all but the last bytes at once, and those one a second."""
    client.send(request.wire[:-5])
    for byte in request.wire[-5:]:
        time.sleep(1)
        client.send(bytes((byte,)))
    return Seen(client.answer(request.method))


def stalling(client: RawClient, request: Request) -> Seen:
    """Send half of the body, and wait."""
    client.send(request.head + request.wire_body[: len(request.wire_body) // 2])
    return Seen(client.answer(request.method), client.rest())


def stalling_in_the_head(client: RawClient, request: Request) -> Seen:
    """Send half of the head, and wait."""
    client.send(request.head[: len(request.head) // 2])
    return Seen(client.answer(request.method), client.rest())


def expecting(client: RawClient, request: Request) -> Seen:
    """Send the body once told to go on."""
    client.send(request.head)
    answer = client.answer_or_interim(request.method)
    if answer.interim and not answer.head:
        time.sleep(0.5)
        client.send(request.wire_body)
        final = client.answer(request.method)
        answer = Answer(answer.interim + final.interim, final.head, final.body, final.complete, 0, 0)
    return Seen(answer)


def ask(method: str, path: bytes, lines: Sequence[bytes] = (), body: bytes = b"", **more: Any) -> Request:
    """A request that is known by its query too: of one that never was whole HAProxy tells the request line alone."""
    case = new_case()
    return Request(method, path + b"?" + case.encode(), lines, body, case=case, **more)


SCENARIOS = {
    "slow-upload": Scenario(ask("POST", b"/i/_doc", body=b'{"a"}'), byte_by_byte),
    "slow-upload-chunked": Scenario(ask("POST", b"/i/_doc", body=b"abc", framing="chunked"), byte_by_byte),
    "stalled-upload": Scenario(ask("POST", b"/i/_doc", body=b"0123456789"), stalling),
    "stalled-upload-chunked": Scenario(
        ask("POST", b"/i/_doc", body=b"01234567890123456789", framing="chunked"), stalling
    ),
    "stalled-head": Scenario(ask("GET", b"/i/_doc"), stalling_in_the_head),
    "expect-100": Scenario(ask("PUT", b"/i/_doc/1", [b"Expect: 100-continue"], b"0123456789"), expecting),
    "expect-refused": Scenario(
        ask("PUT", b"/i/_doc/1", [b"Expect: 100-continue"], b"0123456789", answer="early=1 status=413"),
        expecting,
    ),
    "search-of-15-s": Scenario(ask("POST", b"/i/_search", body=b"{}", answer="delay=15"), plainly),
    "trickling-answer": Scenario(ask("GET", b"/i/_search", answer="size=12 trickle=0.25"), plainly),
    "trickling-chunks": Scenario(ask("GET", b"/i", answer="size=12 trickle=0.25 framing=chunked"), plainly),
    "node-closes-mid-answer": Scenario(ask("GET", b"/i", answer="size=50 cut=5"), to_the_end),
    "node-closes-later-mid-answer": Scenario(
        ask("GET", b"/i", answer="size=50 cut=5 trickle=0.1"), to_the_end
    ),
    "node-closes-mid-chunks": Scenario(
        ask("GET", b"/i", answer="size=50 pieces=5 cut=20 framing=chunked"), to_the_end
    ),
    "node-closes-mid-large-answer": Scenario(ask("GET", b"/i", answer="size=400000 cut=300000"), to_the_end),
    "node-closes-after-the-head": Scenario(ask("GET", b"/i", answer="size=50 cut=0"), to_the_end),
    "node-vanishes": Scenario(ask("GET", b"/i", answer="vanish=1"), plainly),
    "node-vanishes-on-a-kept-connection": Scenario(ask("GET", b"/i", answer="vanish=1"), after_another),
    "large-body": Scenario(ask("POST", b"/_bulk", body=b"0123456789" * 20_000), plainly),
    "large-body-chunked": Scenario(
        ask("POST", b"/_bulk", body=b"0123456789" * 20_000, framing="chunked", chunk_sizes=(9000,) * 22),
        plainly,
    ),
    "large-answer": Scenario(ask("GET", b"/i", answer="size=300000"), plainly),
    "large-answer-chunked": Scenario(
        ask("GET", b"/i", answer="size=300000 framing=chunked pieces=7"), plainly
    ),
}


@pytest.fixture(scope="module")
def setting(docker_engine: Engine, images: Images, network: str, session_id: str) -> Setting:
    return Setting(docker_engine, images, network, session_id)


@pytest.fixture(scope="module")
def rig(setting: Setting) -> Iterator[Rig]:
    """For clients and nodes that misbehave; the shadow's share of a scenario holds up the others' for 3 s at most."""
    with open_rig(
        setting,
        timeouts=Timeouts(client_s=CLIENT_TIMEOUT_S),
        env={"CAPTURE_MIRROR_DEADLINE_S": "3", **PATIENT},
    ) as rig:
        yield rig


@pytest.fixture(scope="module")
def started(rig: Rig) -> Iterator[dict[str, tuple["Future[Seen]", "Future[Seen]"]]]:
    """All scenarios, all at once: through the plain HAProxy, and through ours."""
    with ThreadPoolExecutor(2 * len(SCENARIOS)) as pool:
        yield {
            name: (
                pool.submit(talk, rig.reference.address, scenario),
                pool.submit(talk, rig.primary.address, scenario),
            )
            for name, scenario in SCENARIOS.items()
        }


Started = dict[str, tuple["Future[Seen]", "Future[Seen]"]]


@pytest.mark.parametrize("name", SCENARIOS)
def test_client_sees_what_it_would_see_through_a_plain_haproxy(started: Started, name: str) -> None:
    expected, got = (future.result() for future in started[name])
    # The differences are those of docs/decisions/0001, no more and no less.
    if name in ("stalled-upload", "stalled-upload-chunked"):
        # A plain HAProxy, already passing the request on, calls this a bad request.
        assert (expected.answer.status, got.answer.status) == (400, 408)
        assert expected.rest == got.rest == b""
    elif name == "expect-refused":
        assert expected.answer.interim == ()
        assert got.answer.interim == (b"HTTP/1.1 100 Continue\r\n\r\n",)
        assert (got.answer.head, got.answer.body) == (expected.answer.head, expected.answer.body)
    else:
        assert got == expected
    assert got.seconds == pytest.approx(expected.seconds, abs=2)


@pytest.mark.parametrize("name", ["trickling-answer", "trickling-chunks"])
def test_client_gets_a_trickling_answer_at_once_when_it_is_whole(started: Started, name: str) -> None:
    expected, got = (future.result() for future in started[name])
    plain_s, ours_s = (seen.answer.last_byte_s - seen.answer.first_byte_s for seen in (expected, got))
    # docs/decisions/0001: held until it is whole, and not longer.
    assert plain_s > 2
    assert ours_s < 1
    assert got.seconds == pytest.approx(expected.seconds, abs=1)


def entry_of(rig: Rig, started: Started, name: str) -> Entry:
    """The primary's one entry about a scenario, which was there soon after its end."""
    case = SCENARIOS[name].request.case
    seen = started[name][1].result()
    entries = poll(
        f"the entry of {name}",
        lambda: entries_of(rig.primary, case) or None,
        seen.ended_s + SOON_S - time.monotonic(),
    )
    (entry,) = entries
    return entry


def test_slow_upload_is_whole_in_the_log_with_the_time_it_took(rig: Rig, started: Started) -> None:
    entry = entry_of(rig, started, "slow-upload")
    assert entry["request"]["postData"]["text"] == '{"a"}'
    assert 4000 < entry["timings"]["send"] < 7000
    assert entry["time"] >= entry["timings"]["send"]
    assert "_termination" not in entry


def test_long_search_is_in_the_log_with_the_time_the_node_took(rig: Rig, started: Started) -> None:
    entry = entry_of(rig, started, "search-of-15-s")
    assert 14_900 < entry["timings"]["wait"] < 17_000
    assert entry["response"]["status"] == 200


@pytest.mark.parametrize("name", ["stalled-upload", "stalled-upload-chunked"])
def test_stalled_upload_is_in_the_log_as_the_clients_silence(rig: Rig, started: Started, name: str) -> None:
    entry = entry_of(rig, started, name)
    assert entry["response"]["status"] == started[name][1].result().answer.status
    assert entry["_termination"]["state"].startswith("c")
    assert rig.primary_node.by_case(SCENARIOS[name].request.case) == []
    assert entries_of(rig.shadow, SCENARIOS[name].request.case) == []


@pytest.mark.parametrize(
    "name",
    [
        "node-closes-mid-answer",
        "node-closes-later-mid-answer",
        "node-closes-mid-chunks",
        "node-closes-mid-large-answer",
        "node-closes-after-the-head",
    ],
)
def test_node_that_closes_mid_answer_is_in_the_log_as_such(rig: Rig, started: Started, name: str) -> None:
    entry = entry_of(rig, started, name)
    assert entry["response"]["status"] == 200
    assert entry["_termination"]["state"].startswith("S")
    # The node has worked on the request: so is the shadow to.
    poll(
        "the request on the shadow", lambda: rig.shadow_node.by_case(SCENARIOS[name].request.case) or None, 20
    )


@pytest.mark.parametrize(
    ("name", "status"), [("node-vanishes", 502), ("node-vanishes-on-a-kept-connection", 0)]
)
def test_node_that_vanishes_is_in_the_log_as_such(rig: Rig, started: Started, name: str, status: int) -> None:
    entry = entry_of(rig, started, name)
    assert entry["response"]["status"] == status
    assert entry["_termination"]["state"]


@pytest.mark.parametrize("name", ["large-body", "large-body-chunked"])
def test_body_beyond_the_buffer_is_served_captured_and_mirrored_whole(
    rig: Rig, started: Started, name: str
) -> None:
    entry = entry_of(rig, started, name)
    request = SCENARIOS[name].request
    assert "_truncated" not in entry
    assert entry["_mirror"] == "queued"
    assert entry["request"]["bodySize"] == len(request.body)
    assert entry["request"]["postData"]["text"].encode() == request.body
    _, (on_shadow,) = rig.entries(request.case, timeout_s=20)
    assert on_shadow["_id"] == entry["_id"]
    for node in (rig.primary_node, rig.shadow_node):
        (at_node,) = node.by_case(request.case)
        assert at_node.body == request.body


@pytest.mark.parametrize("name", ["large-answer", "large-answer-chunked"])
def test_answer_beyond_the_buffer_is_captured_in_part_with_what_was_sent_of_it(
    rig: Rig, started: Started, name: str
) -> None:
    entry = entry_of(rig, started, name)
    answer = started[name][1].result().answer
    assert len(answer.body) == 300_000
    assert entry["_truncated"] == ["response"]
    text = entry["response"]["content"]["text"].encode()
    # As much as had come with the headers: HAProxy does not wait for what can't fit.
    assert 0 < len(text) < 65_536
    assert answer.body.startswith(text)
    assert entry["_bytesToClient"] >= 300_000
    if name == "large-answer":
        assert entry["response"]["bodySize"] == entry["response"]["content"]["size"] == 300_000
    assert "cause" not in entry["_termination"] or entry["_termination"]["cause"] == ""


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["fin", "reset"])
def test_client_gone_before_the_answer_is_in_the_log_and_its_request_on_the_shadow(
    rig: Rig, leave: Callable[[RawClient], None]
) -> None:
    request = ask("POST", b"/i/_search", body=b"{}", answer="delay=1")
    client = RawClient(rig.primary.address)
    client.send(request.wire)
    poll("the request at the node", lambda: rig.primary_node.by_case(request.case) or None)
    leave(client)
    (primary,), (shadow,) = rig.entries(request.case, timeout_s=1 + SOON_S + 3)
    assert primary["response"]["status"] in (0, 200)
    assert primary["_id"] == shadow["_id"]
    assert shadow["response"]["status"] == 200


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["fin", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_client_gone_half_way_through_its_body_is_in_the_log_and_nowhere_else(
    rig: Rig, framing: str, leave: Callable[[RawClient], None]
) -> None:
    request = ask("PUT", b"/i/_doc/1", body=b"0123456789" * 10, framing=framing)
    before = len(rig.primary_node.requests)
    client = RawClient(rig.primary.address)
    client.send(request.head + request.wire_body[:50])
    # The proxy has it when a request sent after it, on another connection, has been answered.
    with RawClient(rig.primary.address) as other:
        other.exchange(Request())
    leave(client)
    entry = poll("the entry", lambda: gone_entry(rig.primary, request), SOON_S)
    assert entry["response"]["status"] in (0, 400)
    assert entry["_termination"]["state"].startswith("C")
    assert entry["_mirror"].startswith("not sent")
    assert len(rig.primary_node.requests) == before + 1
    assert rig.primary_node.by_case(request.case) == rig.shadow_node.by_case(request.case) == []


def gone_entry(proxy: Proxy, request: Request) -> Entry | None:
    """The entry of a request that never was whole."""
    return next(iter(entries_of(proxy, request.case)), None)


def test_node_that_refuses_connections_gives_503_which_is_in_the_log(rig: Rig) -> None:
    request = ask("GET", b"/i/_search")
    try:
        rig.primary_node.refuse()
        rig.reference_node.refuse()
        with RawClient(rig.reference.address) as client:
            expected = client.exchange(request)
        with RawClient(rig.primary.address) as client:
            got = client.exchange(request)
    finally:
        rig.primary_node.listen()
        rig.reference_node.listen()
    assert expected.status == 503
    assert got == expected
    entry = poll("the entry", lambda: gone_entry(rig.primary, request), SOON_S)
    assert entry["response"]["status"] == 503
    assert entry["_termination"]["state"].startswith("S")
    assert entry["_mirror"].startswith("not sent")
    assert rig.shadow_node.by_case(request.case) == []
    rig.primary.container.wait_healthy(30)


# Of a head; shorter than what clients here take for a body, and than what they rest between two requests.
HEAD_TIMEOUT_S = 2


def test_a_head_is_waited_for_no_longer_but_slow_bodies_and_kept_connections_are(setting: Setting) -> None:
    env = {"CAPTURE_HEAD_TIMEOUT_S": str(HEAD_TIMEOUT_S), **PATIENT}
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        node = stack.enter_context(RecordingServer(thread))
        proxy = stack.enter_context(setting.proxy("primary", [node.node], env=env))
        pool = stack.enter_context(ThreadPoolExecutor())
        large = ask("POST", b"/_bulk", body=b"0123456789" * 20_000)
        slow = {
            "head": Scenario(ask("GET", b"/i"), stalling_in_the_head),
            "body": Scenario(ask("POST", b"/i", body=b"01234"), byte_by_byte),
            "chunks": Scenario(ask("POST", b"/i", body=b"0123", framing="chunked"), byte_by_byte),
            "large": Scenario(large, slowly_at_the_end),
        }
        kept = stack.enter_context(RawClient(proxy.address))
        assert kept.exchange(Request()).status == 200
        started = {name: pool.submit(talk, proxy.address, scenario) for name, scenario in slow.items()}
        seen = {name: future.result() for name, future in started.items()}
        assert {name: one.answer.status for name, one in seen.items()} == {
            "head": 408,
            "body": 200,
            "chunks": 200,
            "large": 200,
        }
        assert seen["head"].seconds == pytest.approx(HEAD_TIMEOUT_S, abs=1)
        assert seen["head"].rest == b""
        assert all(one.seconds > 2 * HEAD_TIMEOUT_S for name, one in seen.items() if name != "head")
        # Meanwhile this one has rested for longer than a head may take.
        assert kept.exchange(Request()).status == 200


@pytest.fixture
def faulty(setting: Setting) -> Iterator[Rig]:
    """For agents that die."""
    with open_rig(setting) as rig:
        yield rig


@pytest.mark.parametrize("cluster", ["primary", "shadow"])
def test_killed_agent_costs_no_client_error_and_capture_resumes(faulty: Rig, cluster: str) -> None:
    proxy = faulty.primary if cluster == "primary" else faulty.shadow
    first_pid = agent_pid(proxy)
    future = faulty.loop_thread.start(run_load(faulty.primary.address, 6000, 8))
    poll("load", lambda: len(faulty.primary_node.requests) > 1000)
    signal_agent(proxy, "KILL")
    load = future.result(60)
    assert load.errors == []
    assert len(load.exchanges) == 6000

    def captured_again() -> bool:
        request = ask("GET", b"/after")
        with RawClient(faulty.primary.address) as client:
            assert client.exchange(request).status == 200
        try:
            faulty.entries(request.case, timeout_s=0.5)
        except AssertionError:
            return False
        return True

    poll("capture to resume", captured_again, 20)
    assert agent_pid(proxy) not in ("", first_pid)
    for line in proxy.log_lines():
        assert line.endswith(b"}"), "a torn line"
