"""The prototype as a subject: two containers of our image's HAProxy, each with `spoe_agent`; the first one mirrors to the second."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.containers import container, processes
from benchmarks.ours import server_lines
from benchmarks.processes import Groups, inside
from benchmarks.subject import Captured, Node, Subject
from capture.container import Container
from capture.engine import Engine

_AGENT = Path(__file__).with_name("spoe_agent.py")
_LOG = "/tmp/traffic.log"

# Both groups of messages over the filter, and HAProxy holds request and answer until the agent has acknowledged them.
_HAPROXY = """
global
    nbthread {threads}
    tune.bufsize 65536
    # As ours: without it a thread keeps eight buffers of this size, and allocates the rest again and again.
    tune.memory.hot-size 4194304
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen clients
    bind 127.0.0.1:{port}
    unique-id-format %[uuid()]
    filter spoe engine capture config /tmp/capture.cfg
    http-request wait-for-body time 1d
    http-request send-spoe-group capture request if {{ nbsrv(agents) gt 0 }}
    http-response wait-for-body time 1d
    http-response send-spoe-group capture response if {{ nbsrv(agents) gt 0 }}
{servers}
backend agents
    mode tcp
    timeout connect 1s
    timeout server 1h
    server agent unix@/tmp/agent.sock check inter 500ms fastinter 100ms rise 1
"""

_SPOE = """
[capture]
spoe-agent capture
    groups request response
    option continue-on-error
    timeout hello 1s
    timeout idle 1h
    timeout processing 50ms
    use-backend agents
spoe-message request
    args id=unique-id method=method url=url headers=req.hdrs body=req.body
spoe-group request
    messages request
spoe-message response
    args id=unique-id status=status headers=res.hdrs body=res.body
spoe-group response
    messages response
"""

# Not echo, which may read the Python's escapes as its own.
_START = f"""
printf %s "$AGENT" > /tmp/spoe_agent.py
printf %s "$SPOE" > /tmp/capture.cfg
printf %s "$HAPROXY" > /tmp/haproxy.cfg
python3 /tmp/spoe_agent.py /tmp/agent.sock {_LOG} $MIRROR_TO &
while [ ! -S /tmp/agent.sock ]; do sleep 0.05; done
exec haproxy -q -db -f /tmp/haproxy.cfg
"""


class PrototypeProxy:
    """One of the two containers; a `benchmarks.subject.Proxy`."""

    def __init__(self, name: str, started: Container, agent: frozenset[int]) -> None:
        self.name = name
        self._container = started
        self._log = inside(agent, _LOG)

    def lines(self) -> int:
        """The same, from its log itself where we may look."""
        if self._log is None:
            return self.captured().lines
        with self._log.open("rb") as log:
            log.seek(max(os.fstat(log.fileno()).st_size - 65536, 0))
            return _number_of_last(log.read().decode("utf-8", "replace"))

    def captured(self) -> Captured:
        """The number that the last line has. What is lost is counted nowhere."""
        return Captured(_number_of_last(self._container.exec("tail", "-n", "2", _LOG).output), lost=0)

    def counters(self) -> dict[str, int]:
        """It has none."""
        return {}

    def counters_now(self) -> dict[str, int] | None:
        """It has none."""
        return None

    def count_lines(self) -> int:
        """The lines that are in its log."""
        return int(self._container.exec("wc", "-l", _LOG).output.split()[0])


def _number_of_last(log: str) -> int:
    # The very last line may be half written.
    last = next((line for line in reversed(log.splitlines(keepends=True)) if line.endswith("\n")), None)
    return int(json.loads(last)["_number"]) if last else 0


@contextmanager
def prototype(
    engine: Engine,
    image: str,
    ports: tuple[int, int],
    nodes: tuple[Node, Node],
    threads: int,
    shadow_cpu_shares: int,
) -> Iterator[Subject]:
    """Run it, with so many threads for each HAProxy. Ports and nodes: primary, shadow."""
    mirror_to = f"127.0.0.1:{ports[1]}"
    with (
        _proxy(engine, image, "shadow", ports[1], nodes[1], threads, cpu_shares=shadow_cpu_shares) as (
            shadow,
            shadow_groups,
        ),
        _proxy(engine, image, "primary", ports[0], nodes[0], threads, mirror_to) as (primary, groups),
    ):
        all_groups = {**groups, **shadow_groups}
        yield Subject(ports[0], lambda: all_groups, mirrors=True, proxies=(primary, shadow))


@contextmanager
def _proxy(
    engine: Engine,
    image: str,
    role: str,
    port: int,
    node: Node,
    threads: int,
    mirror_to: str = "",
    cpu_shares: int | None = None,
) -> Iterator[tuple[PrototypeProxy, Groups]]:
    environment = {
        "AGENT": _AGENT.read_text(),
        "SPOE": _SPOE,
        "HAPROXY": _HAPROXY.format(threads=threads, port=port, servers=server_lines(node)),
        "MIRROR_TO": mirror_to,
    }
    with container(engine, image, port, environment, ("sh", "-c", _START), cpu_shares) as started:
        names = {"haproxy": f"{role} HAProxy", "python3": f"{role} agent"}
        found = processes(started, names)
        yield PrototypeProxy(role, started, found.get(names["python3"], frozenset())), found
