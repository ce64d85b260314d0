"""What one party sends is never another's protocol: two clients, both proxies, and nodes that keep every request that they read."""

from collections.abc import Iterator, Sequence

import pytest

from capture.engine import Engine
from tests.integration.fidelity_bodies import text
from tests.integration.proxies import Images
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.recording_server import Fault, Recorded
from tests.integration.rig import PATIENT, Rig, Setting, open_rig, poll, status_of

OF_THE_HOP = (
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "upgrade",
    "expect",
    "content-length",
    "transfer-encoding",
)

HIDDEN = b"PUT /smuggled/_doc/1 HTTP/1.1\r\nHost: x\r\nX-Capture-Id: 11111111-1111-4111-8111-111111111111\r\nContent-Length: 2\r\n\r\n{}"
"""What an attacker would have the shadow run."""


@pytest.fixture(scope="module")
def rig(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[Rig]:
    with open_rig(Setting(docker_engine, images, network, session_id), env=PATIENT) as opened:
        yield opened


def hidden_in(size: int) -> bytes:
    """A body that begins with requests, and announces another one that would take what comes next for its own body."""
    body = HIDDEN * 2 + b"POST /swallows HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\n\r\n"
    return body + b"x" * (size - len(body))


def end_to_end(request: Recorded) -> list[tuple[bytes, bytes]]:
    pairs = [line.partition(b":") for line in request.lines]
    of_ours = (b"x-capture-",)
    return [
        (name.lower(), value.strip())
        for name, _, value in pairs
        if name.lower().decode() not in OF_THE_HOP and not name.lower().startswith(of_ours)
    ]


def both(rig: Rig, case: str) -> tuple[Recorded, Recorded]:
    poll(f"{case} on the shadow", lambda: rig.shadow_node.by_case(case), 20)
    [at_primary], [at_shadow] = rig.primary_node.by_case(case), rig.shadow_node.by_case(case)
    return at_primary, at_shadow


def nothing_hidden_was_run(rig: Rig) -> None:
    """After another client's request has come to the shadow as it was."""
    case = new_case()
    secret = b"Authorization: Basic b3RoZXI="
    with RawClient(rig.primary.address) as other:
        assert other.exchange(Request("PUT", b"/i/_doc/2", [secret], b"{}", case=case)).status == 200
    at_primary, at_shadow = both(rig, case)
    assert end_to_end(at_shadow) == end_to_end(at_primary)
    assert (at_shadow.line, at_shadow.body) == (at_primary.line, b"{}")
    lines = [request.line for request in [*rig.shadow_node.requests, *rig.shadow_node.unfinished]]
    assert not [line for line in lines if b"smuggled" in line or b"swallows" in line]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [2000, 40_000, 90_000], ids=["line", "tee", "tee-long"])
@pytest.mark.parametrize(
    "listed",
    [
        [b"Connection: content-length"],
        [b"Connection: close, Transfer-Encoding, Content-Length"],
        [b"Connection: host, authorization, content-type, x-case", b"Authorization: Basic enp6", b"Content-Type: application/json"],
        [b"Connection: keep-alive, x-drop", b"X-Drop: 1", b"Expect: 100-continue"],
    ],
    ids=["length", "framing", "end-to-end", "expect"],
)  # fmt: skip
def test_what_a_client_lists_in_connection_changes_nothing_on_the_shadow(
    rig: Rig, listed: Sequence[bytes], size: int, framing: str
) -> None:
    case = new_case()
    body = hidden_in(size)
    request = Request("POST", b"/i/_bulk", listed, body, framing, case=case)
    with RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    at_primary, at_shadow = both(rig, case)
    assert at_shadow.line == at_primary.line
    assert end_to_end(at_shadow) == end_to_end(at_primary)
    assert at_shadow.content == at_primary.content
    assert at_primary.body == body
    nothing_hidden_was_run(rig)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_a_shadow_that_breaks_off_in_the_body_reads_no_request_in_what_was_left(
    rig: Rig, framing: str, reset: bool
) -> None:
    request = Request(
        "POST", b"/i/_bulk", [b"Connection: content-length"], hidden_in(900_000), framing, case=new_case()
    )
    before = status_of(rig.primary)["waiting_for_shadow"]
    rig.shadow_node.faults[request.case] = Fault(100_000, reset=reset)
    with RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    poll("a part of it on the shadow", lambda: rig.shadow_node.unfinished_of(request.case), 20)
    poll("its end", lambda: status_of(rig.primary)["waiting_for_shadow"] == before)
    nothing_hidden_was_run(rig)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("target", [b"/i/_bulk", b"/i/_doc/1"], ids=["tee", "line"])
def test_what_follows_an_upgrade_is_nobodys_request(rig: Rig, target: bytes, framing: str) -> None:
    """The node switches to another protocol: what the client sends then goes to the primary's node alone."""
    upgrade = [b"Connection: upgrade", b"Upgrade: of-the-test"]
    body = text(70_000 if target.endswith(b"_bulk") else 100)
    answer = "status=101 framing=none lines=connection:upgrade|upgrade:of-the-test"
    in_a_tunnel(rig, Request("POST", target, upgrade, body, framing, answer))


def test_a_connect_is_not_mirrored(rig: Rig) -> None:
    authority = b"node.test:9200"
    in_a_tunnel(rig, Request("CONNECT", authority, host=authority, answer="framing=none"))


def in_a_tunnel(rig: Rig, request: Request) -> None:
    """Send a request that leaves HTTP, and hidden ones behind it: the primary's node gets them, and the shadow nothing."""
    before = status_of(rig.primary)["not_mirrored_tunnels"]
    with RawClient(rig.primary.address) as client:
        client.send(request.wire)
        poll("it at the node", lambda: rig.primary_node.by_case(request.case))
        client.send(HIDDEN)
        poll("what follows at the node", lambda: smuggled_at_primary(rig, before + 1))
    poll("the count", lambda: status_of(rig.primary)["not_mirrored_tunnels"] == before + 1)
    assert rig.shadow_node.by_case(request.case) == []
    nothing_hidden_was_run(rig)


def smuggled_at_primary(rig: Rig, count: int) -> bool:
    """Through each tunnel one; that is the client's own business with its node."""
    return sum(b"/smuggled/" in request.line for request in rig.primary_node.requests) >= count
