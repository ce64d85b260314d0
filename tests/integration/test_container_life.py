"""How the containers start, live, fall ill and end."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import docker
import docker.types
import pytest

from capture.engine import LABEL, Engine
from tests.integration.load_client import run_load
from tests.integration.proxies import INTERNAL_PORT, PURPOSE, Images, Proxy, RunProxy
from tests.integration.raw_client import RawClient, Request
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import (
    PATIENT,
    Setting,
    agent_pid,
    entries_of,
    poll,
    signal_agent,
    signal_tee,
    status_of,
    tee_pid,
)

# Docker's own patience before it kills what does not stop.
STOP_S = 10


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def node(loop_thread: LoopThread) -> Iterator[RecordingServer]:
    with RecordingServer(loop_thread) as server:
        yield server


@pytest.fixture
def other_node(loop_thread: LoopThread) -> Iterator[RecordingServer]:
    with RecordingServer(loop_thread) as server:
        yield server


def signal_haproxy(proxy: Proxy, signal: str) -> None:
    """Send a signal to the process that is HAProxy."""
    find = "for p in /proc/[0-9]*; do if grep -qx haproxy $p/comm; then echo ${p#/proc/}; fi; done"
    proxy.exec("sh", "-c", f"kill -{signal} $({find})")


def test_haproxys_end_is_the_containers_end_with_its_status(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node])
    signal_haproxy(proxy, "KILL")
    assert proxy.container.wait_exit(10) == 137


def test_container_starts_again_after_its_end_and_goes_on_with_its_log(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node])
    before = serve(proxy)
    assert proxy.stop(STOP_S) == 0
    proxy.container.start()
    proxy.container.wait_healthy(30)
    after = serve(proxy)
    poll("both entries", lambda: [len(entries_of(proxy, case)) for case in (before, after)] == [1, 1])


def serve(proxy: Proxy) -> str:
    """Have a request answered; the case that it names."""
    request = Request("POST", b"/i", body=b"{}")
    with RawClient(proxy.address) as client:
        assert client.exchange(request).status == 200
    return request.case


@pytest.mark.parametrize(
    ("env", "words"),
    [
        pytest.param({"CAPTURE_NODES": "nonsense"}, ["nonsense", "no port"], id="node-without-port"),
        pytest.param({"CAPTURE_NODES": "a:1 a:1"}, ["a:1", "twice"], id="node-given-twice"),
        pytest.param({"CAPTURE_NODES": ""}, ["no node"], id="no-node"),
        pytest.param({"CAPTURE_NODES": f"localhost:{INTERNAL_PORT}"}, ["the proxy itself"], id="loop"),
        pytest.param({"CAPTURE_NODES": "a b;c:1"}, ["'a'", "no port"], id="words"),
        pytest.param({"CAPTURE_NODES": "$(id):9200"}, ["$(id)"], id="shell"),
        pytest.param({"CAPTURE_BUFSIZE": "64k"}, ["CAPTURE_BUFSIZE", "64k"], id="no-number"),
        pytest.param({"CAPTURE_BUFSIZE": "1"}, ["bufsize", "1"], id="out-of-range"),
        pytest.param({"CAPTURE_LOG_PATH": "log"}, ["log_path", "not absolute"], id="relative-path"),
    ],
)
def test_environment_that_cannot_be_used_ends_the_container_with_one_line_and_2(
    run_proxy: RunProxy, env: Mapping[str, str], words: list[str]
) -> None:
    proxy = run_proxy("primary", ["node.test:1"], env=env, healthy=False)
    assert proxy.container.wait_exit(20) == 2
    (line,) = [line for line in proxy.logs().splitlines() if line]
    assert line.startswith("capture: ")
    assert "Hint: " in line
    for word in words:
        assert word in line


def test_nodes_that_the_environment_names_take_turns(
    run_proxy: RunProxy, node: RecordingServer, other_node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node, other_node.node])
    with RawClient(proxy.address) as client:
        for _ in range(10):
            assert client.exchange(Request()).status == 200
    assert len(node.requests) == len(other_node.requests) == 5


def test_several_shadow_proxies_share_the_requests(
    run_proxy: RunProxy, node: RecordingServer, other_node: RecordingServer, loop_thread: LoopThread
) -> None:
    shadows = [run_proxy("shadow", [node.node]), run_proxy("shadow", [other_node.node])]
    with RecordingServer(loop_thread) as primary_node:
        proxy = run_proxy(
            "primary",
            [primary_node.node],
            mirror_to=[shadow.inner_address for shadow in shadows],
            env=PATIENT,
        )
        load = loop_thread.run(run_load(proxy.address, 400, 4), 60)
        assert load.errors == []
        poll("all on the shadows", lambda: len(node.requests) + len(other_node.requests) == 400)
    assert min(len(node.requests), len(other_node.requests)) > 100


def test_stop_under_load_is_quick_and_loses_nothing_that_was_acknowledged(
    run_proxy: RunProxy, node: RecordingServer, other_node: RecordingServer, loop_thread: LoopThread
) -> None:
    shadow = run_proxy("shadow", [other_node.node], env=PATIENT)
    proxy = run_proxy("primary", [node.node], mirror_to=[shadow.inner_address], env=PATIENT)
    future = loop_thread.start(run_load(proxy.address, 200_000, 16))
    poll("load", lambda: len(node.requests) > 2000)
    start = time.monotonic()
    assert proxy.stop(STOP_S) == 0
    assert time.monotonic() - start < STOP_S
    load = future.result(20)
    acknowledged = {path for path, exchange in load.exchanges.items() if exchange.answered}
    assert 2000 < len(acknowledged) < 200_000

    on_shadow_node = {request.target.decode() for request in other_node.requests}
    assert acknowledged <= on_shadow_node

    def in_log(of: Proxy) -> list[str]:
        entries = [json.loads(line) for line in of.log_lines()]
        return [entry["request"]["url"].removeprefix("http://load.test") for entry in entries]

    in_primary_log = in_log(proxy)
    assert acknowledged <= set(in_primary_log)
    assert len(in_primary_log) == len(set(in_primary_log))
    poll("the shadow's log", lambda: acknowledged <= set(in_log(shadow)))
    # And nothing that the client made up for it.
    assert set(in_primary_log) <= load.exchanges.keys()


def test_stop_waits_for_an_answer_under_way(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    request = Request(answer="delay=2")
    with RawClient(proxy.address) as client:
        client.send(request.wire)
        poll("the request at the node", lambda: node.by_case(request.case) or None)
        assert proxy.stop(STOP_S) == 0
        assert client.answer().status == 200
    assert [entry["response"]["status"] for entry in entries_of(proxy, request.case)] == [200]


def test_stop_does_not_wait_for_ever(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    request = Request(answer="delay=60")
    with RawClient(proxy.address) as client:
        client.send(request.wire)
        poll("the request at the node", lambda: node.by_case(request.case) or None)
        start = time.monotonic()
        assert proxy.stop(STOP_S) == 0
        assert time.monotonic() - start < STOP_S
    (entry,) = entries_of(proxy, request.case)
    # HAProxy tells the client of a request that it is made to end.
    assert entry["response"]["status"] == 500
    assert entry["_termination"]["state"].startswith("K")


def test_stop_with_a_frozen_agent_ends_in_time(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    signal_agent(proxy, "STOP")
    start = time.monotonic()
    assert proxy.stop(STOP_S) == 0
    assert time.monotonic() - start < STOP_S


@pytest.mark.parametrize("signal", ["STOP", "KILL"])
def test_stop_without_a_working_tee_ends_in_time(
    run_proxy: RunProxy, node: RecordingServer, signal: str
) -> None:
    proxy = run_proxy("primary", [node.node])
    case = serve(proxy)
    signal_tee(proxy, signal)
    start = time.monotonic()
    assert proxy.stop(STOP_S) == 0
    assert time.monotonic() - start < STOP_S
    assert len(entries_of(proxy, case)) == 1


# Run in the container: an exchange that goes on for half a second after the tee was told to stop. Says when it has begun.
_LATE_EXCHANGE = """
import os, socket, sys, time
os.chdir("/run/capture")
inner = socket.socket(socket.AF_UNIX)
if os.path.exists("tee-inner.sock"):
    os.unlink("tee-inner.sock")
inner.bind("tee-inner.sock")
inner.listen()
outer = socket.socket(socket.AF_UNIX)
outer.connect("tee.sock")
outer.sendall(bytes((4, 1)) + bytes(7))
assert outer.recv(8)[1] == 90
if os.fork():
    sys.exit()
while True:
    with socket.socket(socket.AF_UNIX) as another:
        try:
            another.connect("tee.sock")
        except ConnectionRefusedError:
            break
    time.sleep(0.01)
time.sleep(0.5)
"""


def test_stop_ends_the_tee_before_the_agent(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    # The child goes on by itself.
    proxy.exec("sh", "-c", 'exec python3 -c "$0" > /dev/null 2>&1', _LATE_EXCHANGE)
    assert proxy.stop(STOP_S) == 0
    lines = proxy.logs().splitlines()
    (tee,) = [number for number, line in enumerate(lines) if line.startswith("tee: INFO: stopped: {")]
    (agent,) = [number for number, line in enumerate(lines) if line.startswith("agent: INFO: stopped")]
    assert tee < agent


def test_shadow_that_was_away_gets_in_order_what_waited_for_it(
    run_proxy: RunProxy, node: RecordingServer, other_node: RecordingServer
) -> None:
    shadow = run_proxy("shadow", [other_node.node])
    proxy = run_proxy("primary", [node.node], mirror_to=[shadow.inner_address])
    assert shadow.stop(STOP_S) == 0
    # All write the same document, so each waits for the one before.
    requests = [Request("PUT", b"/i/_doc/1?n=%d" % number, body=b"{}") for number in range(20)]
    with RawClient(proxy.address) as client:
        for request in requests:
            assert client.exchange(request).status == 200
    poll("all to wait", lambda: status_of(proxy)["waiting_for_shadow"] == len(requests))
    shadow.container.start()
    poll("all on the shadow", lambda: len(other_node.requests) == len(requests), 30)
    assert [request.target for request in other_node.requests] == [request.target for request in requests]


def test_nothing_runs_as_root(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    lines = proxy.exec("sh", "-c", "grep -H -e ^Name -e ^Uid /proc/[0-9]*/status").splitlines()
    names = {line.split("\t")[1] for line in lines if ":Name:" in line}
    assert {"haproxy", "python3", "s6-svscan"} <= names
    assert agent_pid(proxy)
    assert tee_pid(proxy)
    users = {user for line in lines if ":Uid:" in line for user in line.split("\t")[1:]}
    assert users == {"10001"}


@pytest.fixture
def read_only_with_tmpfs(
    docker_engine: Engine, images: Images, network: str, node: RecordingServer
) -> Iterator[Any]:
    """A primary that may write to /var/log only, which is a tmpfs (the engine's wrapper knows volumes, no tmpfs)."""
    client = docker.DockerClient(base_url=docker_engine.host)
    # The SDK's type stubs know only numbers here.
    ports: Any = {f"{INTERNAL_PORT}/tcp": ("127.0.0.1", None)}
    container = client.containers.run(
        images.primary,
        detach=True,
        labels={LABEL: PURPOSE},
        network=network,
        environment={"CAPTURE_NODES": node.node, "CAPTURE_SHADOW_HAPROXY": ""},
        extra_hosts={"host.docker.internal": "host-gateway"},
        read_only=True,
        tmpfs={"/var/log": ""},
        ports=ports,
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)
        client.close()


def test_read_only_root_file_system_with_a_tmpfs_for_the_log(
    docker_engine: Engine, read_only_with_tmpfs: Any
) -> None:
    container = read_only_with_tmpfs
    poll("health", lambda: container.exec_run(["capture-health"]).exit_code == 0, 30, 0.2)
    container.reload()
    port = int(container.ports[f"{INTERNAL_PORT}/tcp"][0]["HostPort"])
    request = Request("POST", b"/i", body=b"{}")
    with RawClient((docker_engine.address, port)) as client:
        assert client.exchange(request).status == 200

    def logged() -> bool:
        # The archive of a container has no tmpfs in it.
        return request.case.encode() in container.exec_run(["cat", "/var/log/haproxy-traffic.log"]).output

    poll("the entry", logged)
    assert json.loads(container.exec_run(["capture-status"]).output)["tee"] is not None
    assert b"there is no spool" not in container.logs()
    assert container.exec_run(["touch", "/etc/x"]).exit_code != 0


def test_read_only_root_file_system_with_a_volume_for_the_log(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node], read_only=True)
    request = Request()
    with RawClient(proxy.address) as client:
        assert client.exchange(request).status == 200
    poll("the entry", lambda: entries_of(proxy, request.case) or None)
    assert status_of(proxy)["tee"] is not None
    assert "there is no spool" not in proxy.logs()
    assert proxy.stop(STOP_S) == 0


def is_healthy(proxy: Proxy) -> bool:
    """What the health check finds now; Docker asks it every few seconds."""
    return proxy.container.exec("capture-health").exit_code == 0


def test_docker_finds_a_proxy_unhealthy_while_its_agent_is_frozen(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node])
    poll("Docker to find it healthy", lambda: proxy.container.health() == "healthy", 20, 0.2)
    signal_agent(proxy, "STOP")
    poll("Docker to find it unhealthy", lambda: proxy.container.health() == "unhealthy", 40, 0.2)
    signal_agent(proxy, "CONT")
    poll("Docker to find it healthy again", lambda: proxy.container.health() == "healthy", 20, 0.2)


def test_proxy_is_unhealthy_while_its_agent_is_away(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    assert is_healthy(proxy)
    # The supervisor is told to leave it away.
    service = "$(dirname $(ls -d /run/capture/services/agent))/agent"
    proxy.exec("sh", "-c", f"s6-svc -d {service}")
    poll("it to be unhealthy", lambda: not is_healthy(proxy))
    with RawClient(proxy.address) as client:
        assert client.exchange(Request()).status == 200
    proxy.exec("sh", "-c", f"s6-svc -u {service}")
    poll("it to be healthy again", lambda: is_healthy(proxy))


def test_proxy_is_unhealthy_while_no_node_is_up(
    run_proxy: RunProxy, node: RecordingServer, other_node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node, other_node.node])
    node.refuse()
    with RawClient(proxy.address) as client:
        # One is enough; a request that the other one refuses goes to it.
        for _ in range(6):
            assert client.exchange(Request()).status == 200
    assert is_healthy(proxy)
    other_node.refuse()
    poll("it to be unhealthy", lambda: not is_healthy(proxy), 20)
    node.listen()
    poll("it to be healthy again", lambda: is_healthy(proxy), 20)
    with RawClient(proxy.address) as client:
        assert client.exchange(Request()).status == 200


def test_agent_that_dies_again_and_again_is_started_later_and_later(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node])
    for delay in (1, 2):
        signal_agent(proxy, "KILL")
        poll_logs(proxy, f"the agent starts again in {delay} s")
        serve(proxy)
        poll("it to be healthy again", lambda: is_healthy(proxy), 20)
    case = serve(proxy)
    poll("the entry", lambda: entries_of(proxy, case) or None)


def test_tee_that_dies_is_back_at_once_and_later_when_it_dies_again(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node])

    def kill_and_wait() -> None:
        old = tee_pid(proxy)
        signal_tee(proxy, "KILL")
        serve(proxy)
        poll("a new tee", lambda: tee_pid(proxy) not in ("", old) and status_of(proxy)["tee"])

    kill_and_wait()
    assert "the tee starts again" not in proxy.logs()
    kill_and_wait()
    poll_logs(proxy, "the tee starts again in 1 s")
    kill_and_wait()
    poll_logs(proxy, "the tee starts again in 2 s")
    assert is_healthy(proxy)


CLIENTS = 20


@pytest.fixture
def bounded(run_proxy: RunProxy, node: RecordingServer) -> Proxy:
    return run_proxy("primary", [node.node], env={"CAPTURE_MAX_CONNECTIONS": str(CLIENTS)})


def test_clients_beyond_the_bound_wait_until_there_is_a_place(bounded: Proxy) -> None:
    assert f"capture: at most {CLIENTS} clients are connected at once" in bounded.logs()
    with ExitStack() as stack:
        connected = [stack.enter_context(RawClient(bounded.address)) for _ in range(CLIENTS)]
        for client in connected:
            assert client.exchange(Request()).status == 200
        waiting = [stack.enter_context(RawClient(bounded.address)) for _ in range(2 * CLIENTS)]
        for client in waiting:
            client.send(Request().wire)
        # Who is connected does not notice.
        for client in connected:
            assert client.exchange(Request()).status == 200
        assert all(client.is_open_and_silent() for client in waiting)
        assert status_of(bounded)["connections"] == {"now": CLIENTS, "most": CLIENTS, "limit": CLIENTS}
        # Nor is there a place too few for the health check.
        assert is_healthy(bounded)
        for client in connected:
            client.close()
        for client in waiting:
            assert client.answer().status == 200
            client.close()
    poll("their end", lambda: status_of(bounded)["connections"]["now"] == 0)


def test_as_many_large_uploads_as_there_may_be_clients_go_on_at_once(
    bounded: Proxy, node: RecordingServer
) -> None:
    requests = [Request("POST", b"/_bulk", body=b"x" * 200_000) for _ in range(CLIENTS)]
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(bounded.address)) for _ in requests]
        for client, request in zip(clients, requests, strict=True):
            client.send(request.wire[:-1])
        # All through the tee, and none of them waits for another one's end.
        poll("all at the node", lambda: len(node.open_connections) >= CLIENTS)
        for client, request in zip(clients, requests, strict=True):
            client.send(request.wire[-1:])
        assert [client.answer().status for client in clients] == [200] * CLIENTS
    assert status_of(bounded)["tee"]["exchanges"] >= CLIENTS


def test_the_bound_follows_the_containers_memory_and_descriptors(
    docker_engine: Engine, images: Images, network: str, node: RecordingServer, session_id: str
) -> None:
    setting = Setting(docker_engine, images, network, session_id)
    with setting.proxy("primary", [node.node], memory_bytes=256 * 1024 * 1024) as proxy:
        # Half of it, 80 KiB for each; where the machine's descriptors allow so many.
        limit = status_of(proxy)["connections"]["limit"]
        assert f"at most {limit} clients are connected at once, as " in proxy.logs()
        assert limit == 1638 or "descriptors allow" in proxy.logs()
    with setting.proxy("primary", [node.node], descriptors=2048) as proxy:
        assert status_of(proxy)["connections"]["limit"] == 374
        assert "at most 374 clients are connected at once, as 2048 descriptors allow" in proxy.logs()
        assert serve(proxy)


def test_status_has_the_tees_counters_while_it_answers(run_proxy: RunProxy, node: RecordingServer) -> None:
    proxy = run_proxy("primary", [node.node])
    assert proxy.exec("capture-status").count("\n") == 1
    assert status_of(proxy)["tee"]["copies_given_up"] == 0
    signal_tee(proxy, "STOP")
    status = status_of(proxy)
    assert status["tee"] is None
    assert status["cluster"] == "primary"
    signal_tee(proxy, "CONT")
    assert status_of(proxy)["tee"] is not None


def test_without_a_place_for_the_spool_the_tee_does_without(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    proxy = run_proxy("primary", [node.node], env={"CAPTURE_SPOOL_DIR": "/nowhere"})
    poll_logs(proxy, "tee: ERROR: there is no spool")
    assert status_of(proxy)["tee"]["spool_bytes"] == 0
    serve(proxy)


def poll_logs(proxy: Proxy, words: str) -> None:
    """Wait until ``docker logs`` shows ``words``."""
    poll(f"'{words}' in the logs", lambda: words in proxy.logs())
