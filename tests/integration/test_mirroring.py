"""When and where requests are mirrored: after the primary's answer, to any kind of address, and not half."""

import http.server
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

import pytest

from capture.engine import Engine
from tests.integration.content import content_of
from tests.integration.fidelity_bodies import MB, text
from tests.integration.proxies import Images
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import Setting, poll, status_of

STOP_HAPROXY = 'for pid in $(ls /proc | grep -x "[0-9]*"); do [ "$(cat /proc/$pid/comm)" != haproxy ] || kill -STOP $pid; done'


@pytest.fixture
def setting(docker_engine: Engine, images: Images, network: str, session_id: str) -> Setting:
    return Setting(docker_engine, images, network, session_id)


@pytest.mark.parametrize("size", [10, MB], ids=["inline", "tee"])
def test_the_shadow_gets_nothing_before_the_primary_has_answered(setting: Setting, size: int) -> None:
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        node, shadow = (stack.enter_context(RecordingServer(thread)) for _ in range(2))
        primary = stack.enter_context(setting.proxy("primary", [node.node], mirror_to=[shadow.node]))
        case = new_case()
        request = Request("POST", b"/i/_doc", case=case, body=text(size), answer=f"size={size} stall=0")
        with RawClient(primary.address) as client:
            client.send(request.wire)
            poll("the node to have it", lambda: node.by_case(case))
            # One that is mirrored too early has arrived by the time that this one was.
            other = new_case()
            with RawClient(primary.address) as another:
                assert another.exchange(Request("GET", b"/i/_doc/1", case=other)).status == 200
            poll("another one on the shadow", lambda: shadow.by_case(other))
            assert not shadow.by_case(case)
            assert status_of(primary)["mirrored"] == 1
            # An answer that ends early is one.
            node.sever(case)
            poll("it on the shadow", lambda: shadow.by_case(case))


def test_the_shadows_proxy_killed_half_way_costs_that_request_alone(setting: Setting) -> None:
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        node, shadow_node = (stack.enter_context(RecordingServer(thread)) for _ in range(2))
        shadow = stack.enter_context(setting.proxy("shadow", [shadow_node.node]))
        primary = stack.enter_context(setting.proxy("primary", [node.node], mirror_to=[shadow.inner_address]))
        # It takes what the kernel takes for it, and no more.
        shadow.exec("sh", "-c", STOP_HAPROXY)
        case, body = new_case(), text(40 * MB)
        with RawClient(primary.address) as client:
            assert client.exchange(Request("POST", b"/i/_doc", case=case, body=body)).status == 200
            poll("it to be under way", lambda: status_of(primary)["waiting_for_shadow"] == 1)
            shadow.container.signal("KILL")
            poll("its end", lambda: status_of(primary)["waiting_for_shadow"] == 0)
            assert client.exchange(Request("GET", b"/i/_doc/1", case=new_case())).status == 200
            shadow.container.start()
            shadow.container.wait_healthy()
            last = new_case()
            assert client.exchange(Request("POST", b"/i/_doc", case=last, body=text(MB))).status == 200
        poll("the next ones on the shadow", lambda: shadow_node.by_case(last), 60)
        assert [one.content for one in node.by_case(case)] == [content_of(body)]
        assert shadow_node.by_case(case) == []
        assert status_of(primary)["mirror_failed"] >= 1


class _Counting(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def node_on_ipv6_loopback() -> Iterator[tuple[str, list[bytes]]]:
    """``[::1]:PORT``, and the bodies that it gets."""

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

    class Handler(_Counting):
        bodies: ClassVar[list[bytes]] = []

    with Server(("::1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"[::1]:{server.server_port}", Handler.bodies
        server.shutdown()
        thread.join()


def test_nodes_and_shadow_may_have_ipv6_addresses(setting: Setting) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        node_on_ipv6_loopback() as (node, at_node),
        node_on_ipv6_loopback() as (shadow, at_shadow),
        setting.proxy(
            "primary",
            [node],
            mirror_to=[shadow],
            env={"CAPTURE_PORT": str(port)},
            network="host",
            publish=(),
            name=f"capture-test-ipv6-{secrets.token_hex(3)}",
        ) as primary,
    ):
        bodies = [b"{}", text(MB)]
        with RawClient(("127.0.0.1", port)) as client:
            for body in bodies:
                assert client.exchange(Request("POST", b"/i/_doc", case=new_case(), body=body)).status == 200
        assert at_node == bodies
        poll("them on the shadow", lambda: len(at_shadow) == 2)
        assert at_shadow == bodies
        poll("both lines", lambda: len(primary.log_lines()) == 2)
        assert all(f'"serverIPAddress":"{node[1:4]}"'.encode() in line for line in primary.log_lines())


def test_answers_that_take_their_time_hold_the_shadow_back_for_a_moment_together(setting: Setting) -> None:
    """HAProxy writes its line when the client has had the whole answer: until then nobody knows what the shadow lacks."""
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        node, shadow = (stack.enter_context(RecordingServer(thread)) for _ in range(2))
        primary = stack.enter_context(setting.proxy("primary", [node.node], mirror_to=[shadow.node]))
        quick = stack.enter_context(RawClient(primary.address))
        first = new_case()
        assert quick.exchange(Request("GET", b"/i/_doc/1", case=first)).status == 200
        # What was told to an agent before this one is not counted: it has to have read a line.
        poll("the first one on the shadow", lambda: shadow.by_case(first))
        slow_cases = []
        for _ in range(15):
            slow = stack.enter_context(RawClient(primary.address))
            answer = "size=100000 stall=50000"
            request = Request("POST", b"/_mget", case=new_case(), body=b"{}", answer=answer)
            slow.send(request.wire)
            slow_cases.append(request.case)
            # It has been given its number; and the next one is given after it.
            assert slow.await_body(1)
            assert quick.exchange(Request("GET", b"/i/_doc/1", case=new_case())).status == 200
        last = new_case()
        assert quick.exchange(Request("GET", b"/i/_doc/1", case=last)).status == 200
        # One after the other they would take half a minute and more.
        poll("the last one on the shadow", lambda: shadow.by_case(last), 15)
        assert not any(shadow.by_case(case) for case in slow_cases)
        poll("the count", lambda: status_of(primary)["order_given_up"] == len(slow_cases))
