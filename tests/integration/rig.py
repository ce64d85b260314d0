"""Both proxies as a user runs them, each in front of a node of ours, and beside them a plain HAProxy as the reference."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import zstandard

from capture.container import ContainerSettings
from capture.engine import Engine
from tests.integration.proxies import INTERNAL_PORT, PURPOSE, Images, Proxy
from tests.integration.raw_client import RawClient, Request
from tests.integration.recording_server import LoopThread, RecordingServer

T = TypeVar("T")
Entry = dict[str, Any]
"""One line of a capture log."""

LOG_PATH = "/var/log/haproxy-traffic.log"
PATIENT = {"CAPTURE_PROCESSING_TIMEOUT_MS": "10000"}
"""For tests of what is captured and in which order: HAProxy passes on what the agent has not acknowledged within 50 ms, uncaptured and out
of order, and a busy machine can take that long. (Tests of dead and frozen agents keep the default.)"""

# What a plain HAProxy is given: the buffer and the header bound of ours, since those decide how large a request may be.
_REFERENCE = """
global
    tune.bufsize 65536
    tune.maxrewrite 1024
    tune.http.maxhdr 1000
    hard-stop-after 2s
defaults
    mode http
    timeout connect {connect_s}s
    timeout client {client_s}s
    timeout server {server_s}s
frontend clients
    bind *:{port}
    default_backend nodes
backend nodes
    server node1 {node}
"""


@dataclass(frozen=True)
class Timeouts:
    """HAProxy's time-outs, of the proxies and of the reference alike."""

    client_s: int = 3600
    server_s: int = 3600
    connect_s: int = 5

    @property
    def environment(self) -> dict[str, str]:
        """For a container of ours."""
        return {
            "CAPTURE_CLIENT_TIMEOUT_S": str(self.client_s),
            "CAPTURE_SERVER_TIMEOUT_S": str(self.server_s),
            "CAPTURE_CONNECT_TIMEOUT_S": str(self.connect_s),
        }


def poll(awaited: str, condition: Callable[[], T | None], timeout_s: float = 10, every_s: float = 0.02) -> T:
    """What ``condition`` returns once that is true: no None, no False, and nothing empty.

    Raises:
        AssertionError: it did not within ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {awaited}"
        time.sleep(every_s)


@dataclass(frozen=True)
class Setting:
    """What containers of a test module are started with."""

    engine: Engine
    images: Images
    network: str
    session_id: str

    @contextmanager
    def container(self, role: str, *, healthy: bool = True, **changes: Any) -> Iterator[Proxy]:
        """A container of one of the images, for the time of a ``with`` block; ``changes``: fields of ContainerSettings."""
        settings: dict[str, Any] = {
            "image": self.images.shadow if role == "shadow" else self.images.primary,
            "purpose": PURPOSE,
            "name": f"capture-test-{self.session_id}-{role}-{secrets.token_hex(3)}",
            "network": self.network,
            "publish": (INTERNAL_PORT,),
        }
        container = self.engine.run(ContainerSettings(**settings | changes))
        try:
            if healthy:
                container.wait_healthy(60)
            yield Proxy(container)
        finally:
            container.remove()

    @contextmanager
    def proxy(
        self,
        role: str,
        nodes: Sequence[str],
        *,
        mirror_to: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        healthy: bool = True,
        **changes: Any,
    ) -> Iterator[Proxy]:
        """One of the two proxies."""
        environment = {
            "CAPTURE_NODES": " ".join(nodes),
            "CAPTURE_SHADOW_HAPROXY": " ".join(mirror_to),
        } | dict(env or {})
        with self.container(role, healthy=healthy, environment=environment, **changes) as proxy:
            yield proxy

    @contextmanager
    def reference(self, node: str, timeouts: Timeouts = Timeouts()) -> Iterator[Proxy]:
        """A plain HAProxy of the same image in front of ``node``."""
        text = _REFERENCE.format(port=INTERNAL_PORT, node=node, **timeouts.__dict__)
        command = ("sh", "-c", 'printf %s "$CFG" > /tmp/plain.cfg && exec haproxy -db -f /tmp/plain.cfg')
        with self.container("reference", healthy=False, command=command, environment={"CFG": text}) as proxy:
            poll("the plain HAProxy", lambda: _answers(proxy.address))
            yield proxy


def _answers(address: tuple[str, int]) -> bool:
    try:
        with RawClient(address) as client:
            return client.exchange(Request()).status != 0
    except ConnectionError:
        return False


@dataclass(frozen=True)
class Rig:
    """Everything between a client and the two nodes."""

    loop_thread: LoopThread
    primary_node: RecordingServer
    shadow_node: RecordingServer
    primary: Proxy
    shadow: Proxy
    reference_node: RecordingServer
    reference: Proxy

    def entries(self, case: str, count: int = 1, timeout_s: float = 10) -> tuple[list[Entry], list[Entry]]:
        """The lines of both logs about ``case``, once both have ``count``."""

        def look() -> tuple[list[Entry], list[Entry]] | None:
            found = entries_of(self.primary, case), entries_of(self.shadow, case)
            return found if len(found[0]) >= count and len(found[1]) >= count else None

        return poll(f"{count} lines of {case} in both logs", look, timeout_s)


def entries_of(proxy: Proxy, case: str) -> list[Entry]:
    """The lines of a log in which ``case`` is named."""
    mark = case.encode()
    return [
        entry
        for line in proxy.whole_lines()
        if mark in line
        for entry in [json.loads(line)]
        if is_about(entry, case)
    ]


def is_about(entry: Entry, case: str) -> bool:
    """Whether the request names ``case`` in its header or as its query."""
    return case in (case_of(entry), entry["request"]["url"].rpartition("?")[2])


def entries_by_case(proxy: Proxy) -> dict[str, list[Entry]]:
    """The lines of a log by the case that they name."""
    found: dict[str, list[Entry]] = {}
    for line in proxy.whole_lines():
        entry = json.loads(line)
        found.setdefault(case_of(entry), []).append(entry)
    return found


def case_of(entry: Entry) -> str:
    """The case that the entry's request names."""
    return next((h["value"] for h in entry["request"]["headers"] if h["name"].lower() == "x-case"), "")


def status_of(proxy: Proxy) -> dict[str, Any]:
    """The agent's counters."""
    counters: dict[str, Any] = json.loads(proxy.exec("capture-status"))
    return counters


def await_new_agent(proxy: Proxy, old_pid: str) -> None:
    """Wait until another agent than ``old_pid`` runs, and HAProxy feeds its ring to it."""

    def connected() -> bool:
        try:
            return agent_pid(proxy) not in ("", old_pid) and status_of(proxy)["ring_connected"] == 1
        except AssertionError:
            # It does not answer yet.
            return False

    poll("a new agent", connected, 30)


def unpacked(data: bytes) -> bytes:
    """What a rotated file holds."""
    return zstandard.ZstdDecompressor().stream_reader(data).read()


def whole_log(proxy: Proxy) -> list[bytes]:
    """The lines of all capture logs that there are, rotated ones first, in their order. Nothing may be being written."""
    names = proxy.exec("ls", "/var/log").split()
    # By number: for an instant a file is there in both forms.
    numbered = {
        int(m[1]): name
        for name in sorted(names)
        if (m := re.search(r"haproxy-traffic\.log\.(\d+)(\.zst)?$", name))
    }
    lines: list[bytes] = []
    for _, name in sorted(numbered.items()):
        data = proxy.read_file(f"/var/log/{name}")
        lines += (unpacked(data) if name.endswith(".zst") else data).splitlines()
    return lines + proxy.log_lines()


@contextmanager
def open_rig(
    setting: Setting,
    *,
    timeouts: Timeouts = Timeouts(),
    env: Mapping[str, str] | None = None,
    shadow_env: Mapping[str, str] | None = None,
) -> Iterator[Rig]:
    """Start all of it; ``env`` for both proxies, ``shadow_env`` for the shadow on top."""
    with ExitStack() as stack:
        thread = stack.enter_context(LoopThread())
        nodes = [stack.enter_context(RecordingServer(thread)) for _ in range(3)]
        both = timeouts.environment | dict(env or {})
        shadow = stack.enter_context(
            setting.proxy("shadow", [nodes[1].node], env=both | dict(shadow_env or {}))
        )
        primary = stack.enter_context(
            setting.proxy("primary", [nodes[0].node], mirror_to=[shadow.inner_address], env=both)
        )
        reference = stack.enter_context(setting.reference(nodes[2].node, timeouts))
        yield Rig(thread, nodes[0], nodes[1], primary, shadow, nodes[2], reference)


_FIND = """
for process in /proc/[0-9]*; do
    if { tr '\\0' ' ' < "$process/cmdline"; } 2>/dev/null | grep -Eq "^python3 (-sP )?-m NAME( |$)"; then echo "${process#/proc/}"; fi
done
"""


def process_id(proxy: Proxy, name: str) -> str:
    """The process ``python3 -m NAME`` in the container; empty while there is none."""
    return proxy.exec("sh", "-c", _FIND.replace("NAME", name)).strip()


def agent_pid(proxy: Proxy) -> str:
    """The agent's process in the container; empty while there is none."""
    return process_id(proxy, "agent")


def signal_agent(proxy: Proxy, signal: str) -> None:
    """Send a signal to the agent, which runs."""
    proxy.exec("sh", "-c", f"kill -{signal} {agent_pid(proxy)}")


def tee_pid(proxy: Proxy) -> str:
    """The tee's process in the container; empty while there is none."""
    return process_id(proxy, "tee")


def signal_tee(proxy: Proxy, signal: str) -> None:
    """Send a signal to the tee, which runs."""
    proxy.exec("sh", "-c", f"kill -{signal} {tee_pid(proxy)}")
