"""Somebody goes away in the middle of a large request or answer: the client sees what it sees through a plain HAProxy, the log says what
happened, and nothing that was half sent is on the shadow.

Each failure happens at a place and not at a time: when so many bytes are there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from capture.engine import Engine
from tests.integration.content import content_of
from tests.integration.fidelity_bodies import KB, MB, text
from tests.integration.fidelity_matrix import Verdict
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import Answer, RawClient, Request, new_case
from tests.integration.recording_server import Fault, RecordingServer
from tests.integration.rig import (
    Entry,
    Rig,
    Setting,
    await_new_agent,
    entries_of,
    open_rig,
    poll,
    process_id,
    status_of,
)

SIZE = 12 * MB
HALF = SIZE // 2

Leave = Callable[[RawClient], None]
LEAVES = pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["close", "reset"])
RESETS = pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunked"])
ASKED = pytest.mark.parametrize(
    ("method", "path"), [("GET", b"/i"), ("POST", b"/_bulk")], ids=["GET", "bulk"]
)


@dataclass(frozen=True)
class Seen:
    """What a client sees."""

    answer: Answer
    rest: bytes
    """What comes after the answer."""
    end: str
    """Of the connection: ``closed``, ``reset``, or ``open`` while there was none."""


@pytest.fixture(scope="module")
def rig(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[Rig]:
    """One rig for all failures: each is over before the next begins."""
    setting = Setting(docker_engine, images, network, session_id)
    with open_rig(setting, env={"CAPTURE_MIRROR_DEADLINE_S": "20"}) as rig:
        yield rig


def sides(rig: Rig) -> tuple[tuple[Proxy, RecordingServer], tuple[Proxy, RecordingServer]]:
    """The plain HAProxy and the primary's, each with its node."""
    return (rig.reference, rig.reference_node), (rig.primary, rig.primary_node)


def upload(framing: str = "length") -> Request:
    """A large request. It is known by its query too: of one that never was whole there may be no more."""
    case = new_case()
    target = b"/_bulk?" + case.encode()
    chunks = (64 * KB,) * (SIZE // (64 * KB))
    return Request("POST", target, (), text(SIZE), framing, case=case, chunk_sizes=chunks)


def question(method: str, path: bytes, answer: str) -> Request:
    """A small request with a large answer."""
    case = new_case()
    return Request(method, path + b"?" + case.encode(), case=case, answer=answer)


def half_of(request: Request) -> bytes:
    """The head, and what carries the first `HALF` bytes of the body."""
    if request.framing != "chunked":
        return request.head + request.body[:HALF]
    half = replace(request, body=request.body[:HALF], chunk_sizes=request.chunk_sizes[: HALF // (64 * KB)])
    return request.head + half.wire_body.removesuffix(b"0\r\n\r\n")


def send_half(client: RawClient, request: Request, node: RecordingServer) -> None:
    """Send the first half, and wait until the node has it."""
    client.send(half_of(request))
    poll("half of it at the node", lambda: node.received_of(request.case) == HALF, 20)


def read_all(client: RawClient, method: str = "POST") -> Seen:
    """The answer, and the end, if one follows: HAProxy may await the rest of a request that it has answered."""
    answer = client.answer(method)
    end = client.end(2)
    return Seen(answer, client.buffered(), end)


def second_half_of(request: Request) -> bytes:
    """What comes after `half_of`."""
    return request.wire.removeprefix(half_of(request))


def the_entry(proxy: Proxy, case: str) -> Entry:
    """The one entry of a log, once it is there."""
    (entry,) = poll(f"the entry of {case}", lambda: entries_of(proxy, case) or None, 20)
    return entry


def check_not_mirrored(rig: Rig, case: str) -> None:
    """The shadow's node has had none of it, neither whole nor in part; nor has the shadow's proxy."""
    after = Request("GET", b"/after")
    with RawClient(rig.primary.address) as client:
        assert client.exchange(after).status == 200
    rig.entries(after.case, timeout_s=30)
    assert rig.shadow_node.by_case(case) == []
    assert rig.shadow_node.unfinished_of(case) == []
    assert entries_of(rig.shadow, case) == []


def check_incomplete(entry: Entry, by: str) -> None:
    """The entry is about a request that never was whole, and says who ended it (HAProxy's first letter)."""
    assert entry["_termination"]["state"].startswith(by)
    assert "request" in entry["_truncated"]
    assert entry["_mirror"].startswith("not sent")


@FRAMINGS
@LEAVES
def test_client_gone_in_its_upload(rig: Rig, verdict: Verdict, framing: str, leave: Leave) -> None:
    verdict.group = "failure: client, upload"
    request = upload(framing)
    at_nodes = []
    for proxy, node in sides(rig):
        client = RawClient(proxy.address)
        send_half(client, request, node)
        leave(client)
        at_nodes.append(poll("the node's end", lambda node=node: node.unfinished_of(request.case) or None))  # type: ignore[misc]
    with verdict.column("primary"):
        ((plain,), (ours,)) = at_nodes
        assert (ours.line, ours.framing, ours.content) == (plain.line, plain.framing, plain.content)
        assert ours.content == content_of(request.body[:HALF])
        assert rig.primary_node.by_case(request.case) == []
    with verdict.column("primary's log"):
        check_incomplete(the_entry(rig.primary, request.case), "C")
    with verdict.column("shadow"):
        check_not_mirrored(rig, request.case)
    verdict.conclude()


@FRAMINGS
@RESETS
def test_node_gone_in_an_upload(rig: Rig, verdict: Verdict, framing: str, reset: bool) -> None:
    verdict.group = "failure: node, upload"
    request = upload(framing)
    seen = []
    for proxy, node in sides(rig):
        node.faults[request.case] = Fault(HALF, reset)
        with RawClient(proxy.address) as client:
            client.send(half_of(request))
            seen.append(read_all(client))
    with verdict.column("client"):
        assert seen[1] == seen[0]
        assert seen[0].answer.status == 502
    with verdict.column("primary"):
        (at_node,) = rig.primary_node.unfinished_of(request.case)
        assert at_node.content == content_of(request.body[:HALF])
    with verdict.column("primary's log"):
        entry = the_entry(rig.primary, request.case)
        check_incomplete(entry, "S")
        assert entry["response"]["status"] == 502
    with verdict.column("shadow"):
        check_not_mirrored(rig, request.case)
    verdict.conclude()


def test_agent_killed_in_an_upload(rig: Rig, verdict: Verdict) -> None:
    verdict.group = "failure: agent, upload"
    request = upload()
    with RawClient(rig.reference.address) as client:
        expected = client.exchange(request)
    with RawClient(rig.primary.address) as client:
        send_half(client, request, rig.primary_node)
        killed = process_id(rig.primary, "agent")
        rig.primary.exec("sh", "-c", f"kill -9 {killed}")
        await_new_agent(rig.primary, killed)
        client.send(second_half_of(request))
        got = client.answer()
    with verdict.column("client"):
        assert expected.status == 200
        assert got == expected
    with verdict.column("primary"):
        (at_node,) = rig.primary_node.by_case(request.case)
        assert at_node.content == content_of(request.body)
    captured_whole = True
    with verdict.column("primary's log"):
        entry = the_entry(rig.primary, request.case)
        captured_whole = "_truncated" not in entry
        assert entry["response"]["status"] == 200
        check_captured_or_counted(entry, status_of(rig.primary))
    if not captured_whole:
        with verdict.column("shadow"):
            check_not_mirrored(rig, request.case)
    else:
        with verdict.column("shadow's log"):
            rig.entries(request.case, timeout_s=30)
        with verdict.column("shadow"):
            (at_shadow,) = rig.shadow_node.by_case(request.case)
            assert at_shadow.content == content_of(request.body)
    check_served(rig, verdict)
    verdict.conclude()


def check_captured_or_counted(entry: Entry, status: dict[str, int]) -> None:
    """The entry has the request whole, or says that it has not, and the agent has counted it."""
    if "_truncated" in entry:
        assert entry["_mirror"].startswith("not sent")
        assert status["not_mirrored_truncated"] + status["not_mirrored_unseen"] > 0
    else:
        assert content_of(entry["request"]["postData"]["text"].encode()) == content_of(text(SIZE))


def check_served(rig: Rig, verdict: Verdict) -> None:
    """A large request after it is served, and is on both sides."""
    request = upload()
    with verdict.column("client"), RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    with verdict.column("shadow's log"):
        primary, shadow = rig.entries(request.case, timeout_s=30)
        assert [entry["_id"] for entry in primary] == [entry["_id"] for entry in shadow]
    with verdict.column("shadow"):
        (at_shadow,) = rig.shadow_node.by_case(request.case)
        assert at_shadow.content == content_of(request.body)


def test_tee_killed_in_an_upload(rig: Rig, verdict: Verdict) -> None:
    verdict.group = "failure: tee, upload"
    request = upload()
    # To a client it is a node that went away.
    rig.reference_node.faults[request.case] = Fault(HALF)
    with RawClient(rig.reference.address) as client:
        client.send(half_of(request))
        expected = read_all(client)
    with RawClient(rig.primary.address) as client:
        send_half(client, request, rig.primary_node)
        killed = process_id(rig.primary, "tee")
        assert killed, "no tee runs"
        rig.primary.exec("sh", "-c", f"kill -9 {killed}")
        got = read_all(client)
    with verdict.column("client"):
        assert got == expected
    with verdict.column("primary"):
        (at_node,) = poll("the node's end", lambda: rig.primary_node.unfinished_of(request.case) or None)
        assert at_node.content == content_of(request.body[:HALF])
    with verdict.column("primary's log"):
        check_incomplete(the_entry(rig.primary, request.case), "S")
    with verdict.column("shadow"):
        check_not_mirrored(rig, request.case)
    poll("another tee", lambda: process_id(rig.primary, "tee") not in ("", killed), 30)
    check_served(rig, verdict)
    verdict.conclude()


# Near the end the mirror has written everything, and the shadow's HAProxy has not read it.
@pytest.mark.parametrize("after_bytes", [HALF, SIZE - MB // 2], ids=["half", "most"])
@RESETS
def test_shadows_node_gone_in_a_mirrored_upload(
    rig: Rig, verdict: Verdict, after_bytes: int, reset: bool
) -> None:
    verdict.group = "failure: shadow, upload"
    request = upload()
    rig.shadow_node.faults[request.case] = Fault(after_bytes, reset)
    seen = []
    for proxy, _ in sides(rig):
        with RawClient(proxy.address) as client:
            seen.append(client.exchange(request))
    with verdict.column("client"):
        assert seen[1] == seen[0]
        assert seen[0].status == 200
    with verdict.column("primary's log"):
        entry = the_entry(rig.primary, request.case)
        assert entry["response"]["status"] == 200
        assert entry["_mirror"] == "queued"
        assert "_termination" not in entry
        assert "_truncated" not in entry
    with verdict.column("shadow"):
        poll("a part of it on the shadow", lambda: rig.shadow_node.unfinished_of(request.case) or None, 20)
        assert rig.shadow_node.by_case(request.case) == []
    with verdict.column("shadow's log"):
        entry = the_entry(rig.shadow, request.case)
        assert entry["response"]["status"] == 502
        assert entry["_termination"]["state"].startswith("S")
    check_served(rig, verdict)
    verdict.conclude()


@ASKED
@RESETS
def test_node_gone_in_its_answer(rig: Rig, verdict: Verdict, method: str, path: bytes, reset: bool) -> None:
    verdict.group = "failure: node, answer"
    request = question(method, path, f"size={SIZE} stall={HALF}")
    seen = []
    for proxy, node in sides(rig):
        with RawClient(proxy.address) as client:
            client.send(request.wire)
            assert client.await_body(HALF)
            node.sever(request.case, reset=reset)
            seen.append(read_all(client, method))
    with verdict.column("client"):
        assert content_of(seen[1].answer.body) == content_of(seen[0].answer.body)
        assert len(seen[0].answer.body) == HALF
        # The bodies are alike, and too long to be shown.
        plain, ours = (replace(one, answer=replace(one.answer, body=b"")) for one in seen)
        assert ours == plain
    with verdict.column("primary's log"):
        entry = the_entry(rig.primary, request.case)
        assert entry["_termination"]["state"].startswith("S")
        assert entry["_truncated"] == ["response"]
        assert HALF < entry["_bytesToClient"] < HALF + 4 * KB
    check_asked_on_the_shadow(rig, verdict, request, stalled=True)
    verdict.conclude()


@ASKED
@LEAVES
def test_client_gone_in_an_answer(rig: Rig, verdict: Verdict, method: str, path: bytes, leave: Leave) -> None:
    verdict.group = "failure: client, answer"
    request = question(method, path, f"size={SIZE}")
    for proxy, node in sides(rig):
        client = RawClient(proxy.address, receive_bytes=64 * KB)
        client.send(request.wire)
        with verdict.column("client"):
            assert client.await_body(MB)
        leave(client)
        with verdict.column("primary"):
            assert len(node.by_case(request.case)) == 1
    with verdict.column("primary's log"):
        entry = the_entry(rig.primary, request.case)
        assert entry["response"]["status"] == 200
        assert entry["_termination"]["state"].startswith("C")
        assert entry["_truncated"] == ["response"]
        assert MB < entry["_bytesToClient"] < SIZE
    check_asked_on_the_shadow(rig, verdict, request, stalled=False)
    verdict.conclude()


def check_asked_on_the_shadow(rig: Rig, verdict: Verdict, request: Request, *, stalled: bool) -> None:
    """The request was whole, and the node has worked on it: so is the shadow to, once."""
    with verdict.column("shadow"):
        (at_shadow,) = poll("it on the shadow", lambda: rig.shadow_node.by_case(request.case) or None, 20)
        if stalled:
            rig.shadow_node.sever(request.case)
        assert at_shadow.target == request.target
    with verdict.column("shadow's log"):
        assert the_entry(rig.shadow, request.case)["response"]["status"] == 200
