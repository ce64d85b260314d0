"""Names, ports and the build command of a demo, all of which follow from its settings."""

import re
import shlex
from dataclasses import dataclass

from capture.demo.settings import DemoSettings
from capture.settings import WORKSPACE

PURPOSE = "demo"
"""Value of our label on what a demo creates; ``demo-1000`` with a port offset of 1000."""

INTERNAL_PORT = 9200
"""The port that the proxies listen on in their containers."""

_HOST = "host.docker.internal"
_PROXY_PORTS = {"primary": 80, "shadow": 81}
_FIRST_NODE_PORT = 9200


@dataclass(frozen=True)
class Side:
    """One cluster and the proxy in front of it."""

    role: str
    """``primary`` or ``shadow``."""
    cluster: str
    """The cluster's name."""
    node_ports: tuple[int, ...]
    """Ports of this machine, one for each node."""
    proxy: str
    """Name of the proxy's container, and of its image."""
    proxy_port: int
    """Port of this machine."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes' containers."""
        return tuple(f"{self.cluster}-node-{number}" for number in range(1, len(self.node_ports) + 1))


@dataclass(frozen=True)
class Plan:
    """Where everything of a demo is. Two demos with offsets that keep their ports apart share nothing."""

    offset: int
    primary: Side
    shadow: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both clusters, the primary first."""
        return self.primary, self.shadow

    @property
    def purpose(self) -> str:
        """Value of our label on everything of this demo."""
        return purpose_of(self.offset)

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of all containers."""
        return tuple(name for side in self.sides for name in (side.proxy, *side.nodes))

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports of this machine."""
        return tuple(port for side in self.sides for port in (side.proxy_port, *side.node_ports))

    @property
    def build_command(self) -> tuple[str, ...]:
        """What builds the proxies' images."""
        command = (
            "./build_docker_images.py",
            *("--primary-image", self.primary.proxy),
            *("--primary-nodes", *(f"{_HOST}:{port}" for port in self.primary.node_ports)),
            *("--shadow-haproxy", f"{_HOST}:{self.shadow.proxy_port}"),
            *("--shadow-image", self.shadow.proxy),
            *("--shadow-nodes", *(f"{_HOST}:{port}" for port in self.shadow.node_ports)),
            *("--internal-port", str(INTERNAL_PORT)),
        )
        # A workspace of its own: two demos may build at the same time.
        return (*command, "--workspace", f"{WORKSPACE}-{self.offset}") if self.offset else command

    @property
    def clean_command(self) -> str:
        """What removes a demo that was kept."""
        offset = ("--port-offset", str(self.offset)) if self.offset else ()
        return shlex.join(("./demo_haproxy.py", *offset, "--clean"))


def make_plan(settings: DemoSettings) -> Plan:
    """The plan of the demo with ``settings``."""
    offset, nodes = settings.port_offset, settings.nodes
    suffix = f"-{offset}" if offset else ""
    sides = []
    for index, (role, proxy_port) in enumerate(_PROXY_PORTS.items()):
        first = _FIRST_NODE_PORT + index * nodes + offset
        sides.append(
            Side(
                role=role,
                cluster=f"{role}-cluster{suffix}",
                node_ports=tuple(range(first, first + nodes)),
                proxy=f"haproxy-{role}{suffix}",
                proxy_port=proxy_port + offset,
            )
        )
    return Plan(offset, *sides)


def purpose_of(offset: int) -> str:
    """Value of our label on the demo with this port offset."""
    return f"{PURPOSE}-{offset}" if offset else PURPOSE


def offset_of(purpose: str) -> int | None:
    """The port offset of the demo whose label has the value ``purpose``; None when it is no demo's."""
    match = re.fullmatch(rf"{PURPOSE}(?:-([1-9][0-9]*))?", purpose)
    return int(match[1] or 0) if match else None
