"""Real traffic through images of every supported HAProxy."""

import dataclasses
import io
import json
import re
import tarfile
from collections.abc import Iterator

import pytest

from capture.engine import Engine
from capture.versions import HAPROXY
from haproxy_config.nodes import parse_nodes
from haproxy_config.render import render_files
from tests.integration.content import content_of
from tests.integration.fidelity_bodies import MB, text
from tests.integration.images import built_images
from tests.integration.load_client import run_load
from tests.integration.proxies import Proxy
from tests.integration.raw_client import RawClient, Request, new_case
from tests.integration.rig import (
    Rig,
    Setting,
    agent_pid,
    await_new_agent,
    open_rig,
    poll,
    signal_agent,
    signal_tee,
    status_of,
    tee_pid,
)
from tests.unit.regenerate_golden import VARIANTS

LOAD = 3000

_SHOW_STAT = """
import os, socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect(next(d for d in ("/run/capture", "/dev/shm/capture") if os.path.exists(d + "/tee.sock")) + "/haproxy.sock")
    s.sendall(b"show stat\\n")
    print(s.makefile().read())
"""


@pytest.fixture(scope="module", params=HAPROXY)
def rig(
    docker_engine: Engine,
    network: str,
    session_id: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Rig]:
    suite: str = request.param
    name, workspace = f"capture-test-{session_id}-{suite}", tmp_path_factory.mktemp(suite) / "workspace"
    with (
        built_images(docker_engine, name, workspace, f"debian:{suite}-slim") as images,
        open_rig(Setting(docker_engine, images, network, session_id)) as rig,
    ):
        version = rig.primary.exec("haproxy", "-v")
        assert version.startswith(f"HAProxy version {HAPROXY[suite]}."), version
        yield rig


def ids(proxy: Proxy) -> dict[str, list[str]]:
    """The identifiers of the load's lines, by target."""
    found: dict[str, list[str]] = {}
    for line in proxy.log_lines():
        entry = json.loads(line)
        target = re.sub(r"^http://[^/]+", "", entry["request"]["url"])
        if target.startswith("/load/"):
            found.setdefault(target, []).append(entry["_id"])
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_configuration_makes_haproxy_warn(rig: Rig, variant: str) -> None:
    # Addresses, since HAProxy may say that it can't resolve a name, and threads that two cores have.
    settings = dataclasses.replace(
        VARIANTS[variant],
        nodes=parse_nodes(["192.0.2.1:9200", "[2001:db8::1]:9200"]),
        threads=min(VARIANTS[variant].threads, 1),
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in render_files(settings).items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    unpacked = rig.primary.container.exec_with_input(
        packed.getvalue(), "sh", "-c", f"mkdir /tmp/{variant} && tar -x -C /tmp/{variant}"
    )
    assert unpacked.exit_code == 0, unpacked.output
    # Management guide 3: with -dW a warning is an error.
    checked = rig.primary.container.exec(
        "sh", "-c", f"CAPTURE_CONFIG_DIR=/tmp/{variant} haproxy -c -dW -f /tmp/{variant}/haproxy.cfg"
    )
    assert checked.exit_code == 0, checked.output
    assert "WARNING" not in checked.output


def test_every_request_is_in_both_logs_once(rig: Rig) -> None:
    load = rig.loop_thread.run(run_load(rig.primary.address, LOAD, 8), 60)
    assert load.errors == []
    for proxy in (rig.primary, rig.shadow):
        poll("all lines", lambda proxy=proxy: len(ids(proxy)) == LOAD, 30)  # type: ignore[misc]
    in_primary = ids(rig.primary)
    assert all(len(found) == 1 for found in in_primary.values())
    assert in_primary == ids(rig.shadow)
    status = status_of(rig.primary)
    assert (status["lost_ends"], status["orphan_answers"], status["protocol_errors"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "request_",
    [Request("POST", b"/long", body=b"x" * 30_000), Request(answer="size=30000")],
    ids=["request", "answer"],
)
def test_what_is_too_long_for_a_line_is_whole_in_both_logs(rig: Rig, request_: Request) -> None:
    request = dataclasses.replace(request_, case=new_case())
    with RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    for entry in (entries[0] for entries in rig.entries(request.case)):
        assert "_truncated" not in entry
        assert entry["request"]["bodySize"] == len(request.body)
        assert entry["response"]["bodySize"] == (30_000 if request.answer else 12)
    assert [r.body for r in rig.shadow_node.by_case(request.case)] == [request.body]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_node_that_closes_a_kept_connection_without_an_answer_is_in_the_log(rig: Rig, method: str) -> None:
    request = Request(method, b"/i", answer="vanish=1", body=b"abc", case=new_case())
    with RawClient(rig.primary.address) as client:
        assert client.exchange(Request()).status == 200
        assert client.exchange(request).head == b""
    (primary, *_), _ = rig.entries(request.case)
    assert (primary["request"]["method"], primary["request"]["postData"]["text"]) == (method, "abc")
    assert primary["_termination"]["state"] == "SH"
    (on_shadow,) = rig.shadow_node.by_case(request.case)
    assert (on_shadow.line.partition(b" ")[0], on_shadow.body) == (method.encode(), b"abc")


def test_the_ring_goes_on_with_a_new_agent(rig: Rig) -> None:
    first_pid = agent_pid(rig.primary)
    signal_agent(rig.primary, "KILL")
    await_new_agent(rig.primary, first_pid)
    request = Request("GET", b"/i", case=new_case())
    with RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    rig.entries(request.case)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_request_goes_through_the_tee_whole(rig: Rig, framing: str) -> None:
    send_large(rig, framing)


def test_a_killed_tee_is_passed_by_and_comes_back(rig: Rig) -> None:
    first_pid = tee_pid(rig.primary)
    signal_tee(rig.primary, "KILL")
    request = Request("POST", b"/_bulk", body=text(MB), case=new_case())
    with RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    assert [r.content for r in rig.primary_node.by_case(request.case)] == [content_of(request.body)]
    poll("another tee", lambda: tee_pid(rig.primary) not in ("", first_pid), 30)
    poll("HAProxy to use it", lambda: "tee/tee UP" in server_states(rig.primary), 30)
    send_large(rig, "length")


def send_large(rig: Rig, framing: str) -> None:
    """A request of 1 MB is on both sides, and whole in both logs."""
    request = Request("POST", b"/_bulk", body=text(MB), framing=framing, chunk_sizes=(9000,), case=new_case())
    with RawClient(rig.primary.address) as client:
        assert client.exchange(request).status == 200
    for entries in rig.entries(request.case):
        (entry,) = entries
        assert "_truncated" not in entry
        assert entry["request"]["postData"]["text"].encode() == request.body
    for node in (rig.primary_node, rig.shadow_node):
        (at_node,) = node.by_case(request.case)
        assert at_node.content == content_of(request.body)


def server_states(proxy: Proxy) -> str:
    """HAProxy's servers, one a line: BACKEND/SERVER STATE."""
    rows = proxy.exec("python3", "-c", _SHOW_STAT).splitlines()
    names = rows[0].removeprefix("# ").split(",")
    found = (dict(zip(names, row.split(","), strict=False)) for row in rows[1:] if row)
    return "\n".join(f"{row['pxname']}/{row['svname']} {row['status']}" for row in found)


def test_a_stop_under_load_loses_nothing(rig: Rig) -> None:
    future = rig.loop_thread.start(run_load(rig.primary.address, 100_000, 8))
    poll("load", lambda: len(rig.primary_node.requests) > 2 * LOAD)
    assert rig.primary.stop() == 0
    answered = {path for path, exchange in future.result(20).exchanges.items() if exchange.answered}
    assert len(answered) > LOAD
    assert answered <= ids(rig.primary).keys()
