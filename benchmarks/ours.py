"""Our two proxies, and HAProxy alone from the same image, in containers on the host's network."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.host_process import wait_listening
from benchmarks.node import ClusterNode
from benchmarks.processes import container_processes
from benchmarks.subject import Captured, Subject
from capture.container import Container, ContainerSettings
from capture.engine import Engine
from capture.errors import UserError

PURPOSE = "benchmark"
"""Value of our label on what the benchmark creates."""

_LOG = "/var/log/haproxy-traffic.log"
_LOST = re.compile(r"dropped|failed|not_mirrored|lost|orphan|error")
_NAMES = {"haproxy": "HAProxy", "python3": "agent"}

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

    def __init__(self, name: str, container: Container) -> None:
        self.name = name
        self._container = container

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
        # -f: what is not compressed (yet) as it is.
        executed = self._container.exec("sh", "-c", f"zcat -f {_LOG}* | wc -l")
        return int(executed.output) if executed.exit_code == 0 else -1


@contextmanager
def haproxy_alone(engine: Engine, image: str, port: int, node: ClusterNode) -> Iterator[Subject]:
    """The image's HAProxy as a plain proxy."""
    with _container(
        engine,
        ContainerSettings(
            image=image,
            purpose=PURPOSE,
            network="host",
            environment={"PLAIN": _PLAIN.format(port=port, node=node.port)},
            command=("sh", "-c", 'echo "$PLAIN" > /tmp/plain.cfg && exec haproxy -q -db -f /tmp/plain.cfg'),
        ),
        port,
    ) as container:
        groups = _groups(container, "")
        yield Subject(port, lambda: groups)


@contextmanager
def capture_only(
    engine: Engine, images: Images, port: int, node: ClusterNode, environment: Mapping[str, str]
) -> Iterator[Subject]:
    """The primary proxy without a shadow."""
    with _proxy(
        engine, images.primary, port, node, {**environment, "CAPTURE_SHADOW_HAPROXY": ""}
    ) as container:
        groups = _groups(container, "primary ")
        yield Subject(port, lambda: groups, proxies=(CapturingProxy("primary", container),))


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
        _proxy(engine, images.shadow, ports[1], nodes[1], environment) as shadow,
        _proxy(engine, images.primary, ports[0], nodes[0], to_shadow) as primary,
    ):
        groups = {**_groups(primary, "primary "), **_groups(shadow, "shadow ")}
        proxies = (CapturingProxy("primary", primary), CapturingProxy("shadow", shadow))
        yield Subject(ports[0], lambda: groups, mirrors=True, proxies=proxies)


@contextmanager
def _proxy(
    engine: Engine, image: str, port: int, node: ClusterNode, environment: Mapping[str, str]
) -> Iterator[Container]:
    settings = ContainerSettings(
        image=image,
        purpose=PURPOSE,
        network="host",
        environment={**environment, "CAPTURE_PORT": str(port), "CAPTURE_NODES": f"127.0.0.1:{node.port}"},
    )
    with _container(engine, settings, port) as container:
        container.wait_healthy()
        yield container


@contextmanager
def _container(engine: Engine, settings: ContainerSettings, port: int) -> Iterator[Container]:
    container = engine.run(settings)
    try:
        try:
            wait_listening(port, lambda: container.state() == "running", container.name)
        except UserError as error:
            raise UserError(str(error), hint="its log is above", detail=container.logs()) from error
        yield container
    finally:
        container.remove()


def _groups(container: Container, prefix: str) -> dict[str, frozenset[int]]:
    """HAProxy and agent of a container, by its id, which the engine's mount of /etc/hosts tells."""
    mounts = container.exec("cat", "/proc/1/mountinfo").output
    container_id = re.search(r"/containers/([0-9a-f]{64})/", mounts)
    if container_id is None:
        return {}
    return {
        prefix + _NAMES[name]: pids
        for name, pids in container_processes(container_id[1]).items()
        if name in _NAMES
    }
