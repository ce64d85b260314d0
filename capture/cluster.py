"""A cluster of Elasticsearch nodes, each in its own container, that asks nothing of the host.

A node that other machines could reach enforces its bootstrap checks (65,535 open files, vm.max_map_count), which many hosts fail.
So the nodes share the network of the first one and speak to each other on its loopback
(docs/decisions/0005-clusters-without-host-settings.md); only HTTP is published, by the first node for all.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from capture.cluster_health import Health, are_active, describe, has_ended, not_active, read_health
from capture.container import Container, ContainerSettings
from capture.engine import Engine
from capture.errors import UserError, bad_input

SNAPSHOTS = "/usr/share/elasticsearch/snapshots"
"""Where every node has the cluster's volume for snapshot repositories of type ``fs``."""

_FIRST_HTTP_PORT = 9200
_FIRST_TRANSPORT_PORT = 9300
_MOST_NODES = 32
_HEAP = re.compile(r"[1-9][0-9]*[mg]")
# User and group that the published image and ours are made to run as.
_OWNER = "1000:0"
_JAVA_OPTIONS = (
    # Without the optimizing compiler a node starts with half of the work: 7 s of a core instead of 13.
    "-XX:TieredStopAtLevel=1",
    # The published image's Java 15 stumbles over the control groups of newer kernels (actions/runner-images#13684), and needs nothing
    # of them, the heap being given.
    "-XX:-UseContainerSupport",
)
_POLL_S = 0.25
_ANSWER_S = 2


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """What a cluster is started with.

    Raises:
        UserError: (exit code 2) a value that can't be.
    """

    name: str
    """The cluster's name; its nodes and their containers are ``NAME-node-1`` and so on."""
    image: str
    """What `capture.elasticsearch_image.ensure_elasticsearch_image` returns."""
    purpose: str
    """Value of our label on everything that is created."""
    nodes: int = 2
    heap: str = "512m"
    """Each node's, as Java spells it: a number with ``m`` or ``g``. A node takes 200 MB more."""
    first_host_port: int | None = None
    """The first node's port of the engine's host, the others' follow it; None: free ones of its loopback."""
    network: str | None = None
    """A Docker network that the nodes are on, beside their published ports; there all have the first node's name."""

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= _MOST_NODES:
            raise bad_input(f"{self.nodes} nodes can't be", f"1 to {_MOST_NODES}")
        if _HEAP.fullmatch(self.heap) is None:
            raise bad_input(f"'{self.heap}' is no heap", "a number with m or g, such as 512m or 1g")
        if self.first_host_port is not None and not 1 <= self.first_host_port <= 65536 - self.nodes:
            raise bad_input(f"port {self.first_host_port} can't be the first of {self.nodes}", "1 to 65535")

    @property
    def node_names(self) -> tuple[str, ...]:
        """The nodes' names, which are their containers' too."""
        return tuple(f"{self.name}-node-{number + 1}" for number in range(self.nodes))

    @property
    def http_ports(self) -> tuple[int, ...]:
        """The nodes' ports for HTTP, inside."""
        return tuple(_FIRST_HTTP_PORT + number for number in range(self.nodes))

    @property
    def host_ports(self) -> tuple[int, ...]:
        """The host's ports that are asked for; none when any will do."""
        if self.first_host_port is None:
            return ()
        return tuple(self.first_host_port + number for number in range(self.nodes))

    @property
    def network_nodes(self) -> tuple[str, ...]:
        """HOST:PORT of each node for other containers on ``network``."""
        return tuple(f"{self.node_names[0]}:{port}" for port in self.http_ports)

    def environment(self, number: int) -> dict[str, str]:
        """Elasticsearch's settings of the node ``number``, from 0."""
        transport = [_FIRST_TRANSPORT_PORT + each for each in range(self.nodes)]
        return {
            "cluster.name": self.name,
            "node.name": self.node_names[number],
            "http.host": "0.0.0.0",  # noqa: S104  # inside; what is published decides who reaches it
            "http.port": str(self.http_ports[number]),
            "transport.host": "127.0.0.1",
            "transport.port": str(transport[number]),
            "discovery.seed_hosts": ",".join(f"127.0.0.1:{port}" for port in transport),
            # The first alone: it need not wait for the others to elect a master.
            "cluster.initial_master_nodes": self.node_names[0],
            "path.repo": SNAPSHOTS,
            # Otherwise a host whose disk is nearly full, as many are, gets indices without replicas, or read-only ones.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "ES_JAVA_OPTS": " ".join((f"-Xms{self.heap}", f"-Xmx{self.heap}", *_JAVA_OPTIONS)),
        }


class Cluster:
    """A cluster in containers. Whatever `start` did when it was interrupted, `remove` undoes."""

    def __init__(self, engine: Engine, settings: ClusterSettings) -> None:
        self._engine = engine
        self._group = f"{settings.name}-{secrets.token_hex(4)}"
        self.settings = settings
        self.nodes: list[Container] = []
        """Those that were started."""

    def start(self) -> None:
        """Create and start the containers; `wait_active` waits for them to be of use.

        Raises:
            UserError: a name or a port is taken.
        """
        settings = self.settings
        self._engine.create_volume(self._volume, settings.purpose, self._group)
        ports = settings.http_ports
        for number, name in enumerate(settings.node_names):
            first = number == 0
            fixed = first and settings.first_host_port is not None
            node = self._engine.run(
                ContainerSettings(
                    image=settings.image,
                    purpose=settings.purpose,
                    group=self._group,
                    name=name,
                    environment=settings.environment(number),
                    user=_OWNER,
                    network=settings.network if first else None,
                    network_of=None if first else settings.node_names[0],
                    publish=ports if first and not fixed else (),
                    publish_at=dict(zip(ports, settings.host_ports, strict=True)) if fixed else {},
                    named_volumes={SNAPSHOTS: self._volume},
                )
            )
            self.nodes.append(node)
            if first:
                # The published image does not have the folder, so there the volume begins as root's.
                node.exec("chown", _OWNER, SNAPSHOTS, user="root")

    @property
    def urls(self) -> tuple[str, ...]:
        """The root of each node for an HTTP client on this machine."""
        return tuple(
            f"http://{host}:{port}" for host, port in map(self.nodes[0].published, self.settings.http_ports)
        )

    def wait_active(
        self, timeout_s: float = 120, on_progress: Callable[[str], None] = lambda _: None
    ) -> None:
        """Wait until every node sees all nodes, and all shards in place.

        ``on_progress`` is called when what is seen changes, with a few words (``yellow, 1 of 2 nodes``).

        Raises:
            UserError: it was not within ``timeout_s``, or a node ended; with each node's state and last lines.
        """
        begin = time.monotonic()
        seen = ""
        while (waited_s := time.monotonic() - begin) < timeout_s:
            if any(has_ended(node.report()) for node in self.nodes):
                break
            healths = self._healths()
            if are_active(healths):
                return
            if (words := describe(healths)) != seen:
                seen = words
                on_progress(words)
            time.sleep(_POLL_S)
        reports = [node.report() for node in self.nodes]
        raise not_active(self.settings.name, reports, waited_s=waited_s, timeout_s=timeout_s, seen=seen)

    def stop(self, timeout_s: int = 3) -> None:
        """Stop the nodes, those that still run, the first one last: it has the others' network.

        One that is not through with its start heeds no signal; it is killed after ``timeout_s``.
        """
        for node in reversed(self.nodes):
            if node.report().state == "running":
                node.stop(timeout_s)

    def remove(self) -> None:
        """Remove every container and volume of it, running or not; fine when they are away already."""
        self._engine.remove_labelled(self.settings.purpose, self._group)
        self.nodes.clear()

    @property
    def _volume(self) -> str:
        return f"{self.settings.name}-snapshots"

    def _healths(self) -> list[Health | None]:
        with requests.Session() as session:
            # A proxy for the outside world is none for a port of this machine.
            session.trust_env = False
            try:
                return [_health_of(session, url) for url in self.urls]
            except UserError:
                # The first node has no ports any more: it ended just now, which the next look at the nodes says better.
                return [None] * self.settings.nodes


def _health_of(session: requests.Session, url: str) -> Health | None:
    try:
        answer = session.get(
            f"{url}/_cluster/health", params={"master_timeout": "1s", "timeout": "0s"}, timeout=_ANSWER_S
        )
        return read_health(answer.json()) if answer.ok else None
    except (requests.RequestException, ValueError):
        return None
