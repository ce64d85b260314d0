"""Our two proxies, and HAProxy alone from the same image, in containers on the host's network."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.containers import container, processes
from benchmarks.node import ClusterNode
from benchmarks.processes import Groups
from benchmarks.subject import Captured, Subject
from capture.container import Container
from capture.engine import Engine
from capture.errors import UserError

_LOG = "/var/log/haproxy-traffic.log"
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
    server node 127.0.0.1:{node}
"""


@dataclass(frozen=True)
class Images:
    """Names of the images of both proxies."""

    primary: str
    shadow: str


class CapturingProxy:
    """One of our containers."""

    def __init__(self, name: str, started: Container) -> None:
        self.name = name
        self._container = started

    def captured(self) -> Captured:
        """What ``capture-status`` says."""
        executed = self._container.exec("capture-status")
        try:
            status = json.loads(executed.output)
        except json.JSONDecodeError as error:
            raise UserError(
                f"capture-status failed in {self._container.name}",
                hint="its output is above",
                detail=executed.output,
            ) from error
        return Captured(
            status["captured"], sum(count for name, count in status.items() if _LOST.search(name))
        )

    def count_lines(self) -> int:
        """The lines of the log and of the rotated ones."""
        # A file that is being compressed is there in both forms. -f: what is not compressed (yet) as it is.
        executed = self._container.exec("sh", "-c", f"ls {_LOG}* | grep -v partial | xargs zcat -f | wc -l")
        return int(executed.output) if executed.exit_code == 0 else -1


@contextmanager
def haproxy_alone(engine: Engine, image: str, port: int, node: ClusterNode) -> Iterator[Subject]:
    """The image's HAProxy as a plain proxy."""
    configuration = {"PLAIN": _PLAIN.format(port=port, node=node.port)}
    command = ("sh", "-c", 'echo "$PLAIN" > /tmp/plain.cfg && exec haproxy -q -db -f /tmp/plain.cfg')
    with container(engine, image, port, configuration, command) as started:
        found = processes(started, {"haproxy": "HAProxy"})
        yield Subject(port, lambda: found)


@contextmanager
def capture_only(
    engine: Engine, images: Images, port: int, node: ClusterNode, environment: Mapping[str, str]
) -> Iterator[Subject]:
    """The primary proxy without a shadow."""
    settings = {**environment, "CAPTURE_SHADOW_HAPROXY": ""}
    with _proxy(engine, images.primary, "primary", port, node, settings) as (proxy, groups):
        yield Subject(port, lambda: groups, proxies=(proxy,))


@contextmanager
def capture_and_mirror(
    engine: Engine,
    images: Images,
    ports: tuple[int, int],
    nodes: tuple[ClusterNode, ClusterNode],
    environment: Mapping[str, str],
) -> Iterator[Subject]:
    """The primary proxy mirroring to the shadow proxy; both capture. Ports and nodes: primary, shadow."""
    to_shadow = {**environment, "CAPTURE_SHADOW_HAPROXY": f"127.0.0.1:{ports[1]}"}
    with (
        _proxy(engine, images.shadow, "shadow", ports[1], nodes[1], environment) as (shadow, shadow_groups),
        _proxy(engine, images.primary, "primary", ports[0], nodes[0], to_shadow) as (primary, groups),
    ):
        all_groups = {**groups, **shadow_groups}
        yield Subject(ports[0], lambda: all_groups, mirrors=True, proxies=(primary, shadow))


@contextmanager
def mirror_straight(
    engine: Engine,
    images: Images,
    port: int,
    nodes: tuple[ClusterNode, ClusterNode],
    environment: Mapping[str, str],
) -> Iterator[Subject]:
    """The primary proxy mirroring straight to the shadow's node, as Envoy's mirror does. Nodes: primary, shadow."""
    settings = {**environment, "CAPTURE_SHADOW_HAPROXY": f"127.0.0.1:{nodes[1].port}"}
    with _proxy(engine, images.primary, "primary", port, nodes[0], settings) as (proxy, groups):
        yield Subject(port, lambda: groups, mirrors=True, proxies=(proxy,))


@contextmanager
def _proxy(
    engine: Engine, image: str, role: str, port: int, node: ClusterNode, environment: Mapping[str, str]
) -> Iterator[tuple[CapturingProxy, Groups]]:
    settings = {**environment, "CAPTURE_PORT": str(port), "CAPTURE_NODES": f"127.0.0.1:{node.port}"}
    with container(engine, image, port, settings) as started:
        started.wait_healthy()
        names = {"haproxy": f"{role} HAProxy", "python3": f"{role} agent"}
        yield CapturingProxy(role, started), processes(started, names)
