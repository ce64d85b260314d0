"""Our two proxies, and plain HAProxies from the same image, in containers on the host's network."""

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.containers import container, processes
from benchmarks.processes import Groups, inside
from benchmarks.subject import Captured, Node, Subject
from capture.container import Container
from capture.engine import Engine
from capture.errors import UserError

ALIKE = 1024
"""Docker's ``--cpu-shares`` of a shadow proxy that is anybody's equal."""
YIELDING = 2
"""Of one that takes what nobody else wants: the least that Docker allows."""

# -f: what is not compressed (yet) as it is; one that is gone meanwhile is said on standard error, which would come back with the number. Anew when a file got its compressed form meanwhile: it may have been counted twice, or not at all.
_COUNT = """
files() { ls /var/log/haproxy-traffic.log* | grep -v partial; }
while names=$(files); lines=$(zstdcat -f $names 2>/dev/null | wc -l); [ "$names" != "$(files)" ]; do :; done
echo "$lines"
"""
_PROGRAMS = {"haproxy": "HAProxy", "agent": "agent", "tee": "tee"}
_LOST = re.compile(r"dropped|failed|not_mirrored|lost|orphan|error")

# Every limit of time that HAProxy asks for, and nothing more.
_PLAIN = """
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend clients
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
{servers}
"""

# The same, passing everything on to a second section of the same process, as ours does on the way through its tee.
_TWO_HOPS = """
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend clients
    bind 127.0.0.1:{port}
    default_backend second_hop
backend second_hop
    server inner unix@/tmp/inner.sock
frontend inner
    bind unix@/tmp/inner.sock
    default_backend nodes
backend nodes
{servers}
"""


@dataclass(frozen=True)
class Images:
    """Names of the images of both proxies."""

    primary: str
    shadow: str


@dataclass(frozen=True)
class Deployment:
    """How our proxies are started."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """For both containers."""
    shadow_cpu_shares: int = ALIKE
    """Docker's ``--cpu-shares`` of the shadow proxy."""


class CapturingProxy:
    """One of our containers."""

    def __init__(self, name: str, started: Container, agent: frozenset[int] = frozenset()) -> None:
        self.name = name
        self._container = started
        self._status_socket = inside(agent, "/run/capture/status.sock")

    def lines(self) -> int:
        """`Captured.lines`, from the agent itself where we may ask it."""
        counters = self.counters_now()
        return self.captured().lines if counters is None else counters["captured"]

    def counters_now(self) -> dict[str, int] | None:
        """`counters` from the agent itself, in no time; None where we may not look into its container."""
        if self._status_socket is None:
            return None
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(os.fspath(self._status_socket))
            with connection.makefile() as answer:
                return flatten(json.load(answer))

    def captured(self) -> Captured:
        """What ``capture-status`` says."""
        status = self.counters()
        return Captured(
            status["captured"], sum(count for name, count in status.items() if _LOST.search(name))
        )

    def counters(self) -> dict[str, int]:
        """Every counter of ``capture-status``; one within another is called ``OUTER.INNER``."""
        executed = self._container.exec("capture-status")
        try:
            return flatten(json.loads(executed.output))
        except ValueError as error:
            raise UserError(
                f"capture-status failed in {self._container.name}",
                hint="its output is above",
                detail=executed.output,
            ) from error

    def count_lines(self) -> int:
        """The lines of the log and of the rotated ones."""
        executed = self._container.exec("sh", "-c", _COUNT)
        return int(executed.output) if executed.exit_code == 0 else -1


@contextmanager
def haproxy_alone(engine: Engine, image: str, port: int, node: Node) -> Iterator[Subject]:
    """The image's HAProxy as a plain proxy."""
    with _plain(engine, image, port, node, _PLAIN) as subject:
        yield subject


@contextmanager
def haproxy_twice(engine: Engine, image: str, port: int, node: Node) -> Iterator[Subject]:
    """The image's HAProxy as a plain proxy that passes everything through itself twice, over a Unix socket."""
    with _plain(engine, image, port, node, _TWO_HOPS) as subject:
        yield subject


@contextmanager
def _plain(engine: Engine, image: str, port: int, node: Node, template: str) -> Iterator[Subject]:
    configuration = {"PLAIN": template.format(port=port, servers=server_lines(node))}
    command = ("sh", "-c", 'echo "$PLAIN" > /tmp/plain.cfg && exec haproxy -q -db -f /tmp/plain.cfg')
    with container(engine, image, port, configuration, command) as started:
        found = processes(started, {"haproxy": "HAProxy"})
        yield Subject(port, lambda: found)


@contextmanager
def capture_only(
    engine: Engine, images: Images, port: int, node: Node, deployment: Deployment
) -> Iterator[Subject]:
    """The primary proxy without a shadow."""
    settings = {**deployment.environment, "CAPTURE_SHADOW_HAPROXY": ""}
    with _proxy(engine, images.primary, "primary", port, node, settings) as (proxy, groups):
        yield Subject(port, lambda: groups, proxies=(proxy,))


@contextmanager
def capture_and_mirror(
    engine: Engine,
    images: Images,
    ports: tuple[int, int],
    nodes: tuple[Node, Node],
    deployment: Deployment,
) -> Iterator[Subject]:
    """The primary proxy mirroring to the shadow proxy; both capture. Ports and nodes: primary, shadow."""
    environment, shares = deployment.environment, deployment.shadow_cpu_shares
    to_shadow = {**environment, "CAPTURE_SHADOW_HAPROXY": f"127.0.0.1:{ports[1]}"}
    with (
        _proxy(engine, images.shadow, "shadow", ports[1], nodes[1], environment, shares) as (
            shadow,
            shadow_groups,
        ),
        _proxy(engine, images.primary, "primary", ports[0], nodes[0], to_shadow) as (primary, groups),
    ):
        all_groups = {**groups, **shadow_groups}
        yield Subject(ports[0], lambda: all_groups, mirrors=True, proxies=(primary, shadow))


@contextmanager
def mirror_straight(
    engine: Engine,
    images: Images,
    port: int,
    nodes: tuple[Node, Node],
    deployment: Deployment,
) -> Iterator[Subject]:
    """The primary proxy mirroring straight to the shadow's node, as Envoy's mirror does. Nodes: primary, shadow."""
    settings = {**deployment.environment, "CAPTURE_SHADOW_HAPROXY": " ".join(nodes[1].addresses)}
    with _proxy(engine, images.primary, "primary", port, nodes[0], settings) as (proxy, groups):
        yield Subject(port, lambda: groups, mirrors=True, proxies=(proxy,))


@contextmanager
def _proxy(
    engine: Engine,
    image: str,
    role: str,
    port: int,
    node: Node,
    environment: Mapping[str, str],
    cpu_shares: int | None = None,
) -> Iterator[tuple[CapturingProxy, Groups]]:
    settings = {**environment, "CAPTURE_PORT": str(port), "CAPTURE_NODES": " ".join(node.addresses)}
    with container(engine, image, port, settings, cpu_shares=cpu_shares) as started:
        started.wait_healthy()
        names = {program: f"{role} {title}" for program, title in _PROGRAMS.items()}
        found = processes(started, names)
        yield CapturingProxy(role, started, found.get(names["agent"], frozenset())), found


def server_lines(node: Node) -> str:
    """HAProxy's ``server`` lines for the addresses of a node."""
    return "\n".join(f"    server node{number} {address}" for number, address in enumerate(node.addresses, 1))


def flatten(status: Mapping[str, object], outer: str = "") -> dict[str, int]:
    """The whole numbers of a JSON object and of those in it, by their names."""
    found: dict[str, int] = {}
    for name, value in status.items():
        if isinstance(value, Mapping):
            found |= flatten(value, f"{outer}{name}.")
        elif isinstance(value, int):
            found[f"{outer}{name}"] = int(value)
    return found
