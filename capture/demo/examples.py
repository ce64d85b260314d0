"""The commands that a demo suggests, and sends itself on its tour."""

import shlex
from dataclasses import dataclass

from capture.demo.plan import Plan, Side

DOCUMENT = {"name": "Finwe"}
"""The document that the examples write, and that must arrive at the shadow."""

CAPTURE_LOG = "/var/log/haproxy-traffic.log"


@dataclass(frozen=True)
class Example:
    """A request as a command for curl."""

    what: str
    """What it does, in words."""
    method: str
    port: int
    """Port of this machine."""
    target: str
    """Path and query."""
    body: str | None = None
    mirrored: bool = True
    """Whether it goes to the primary's proxy, and so to both clusters."""

    @property
    def command(self) -> str:
        """As a user types it."""
        url = f"'localhost:{self.port}{self.target}'"
        body = f" -H 'Content-Type: application/json' -d '{self.body}'" if self.body is not None else ""
        return f"curl -X {self.method} {url}{body}"


def examples(plan: Plan) -> tuple[Example, ...]:
    """The examples in the order in which they make sense; the last reads from the shadow cluster itself."""
    port = plan.primary.proxy_port
    document = "/noldor/_doc/1"
    return (
        Example("ask the primary cluster who it is", "GET", port, ""),
        Example("list its nodes", "GET", port, "/_cat/nodes?v=true&pretty"),
        Example("write a document", "PUT", port, document, body='{"name": "Finwe"}'),
        Example("read it", "GET", port, document),
        Example(
            "read it from the shadow cluster, which nobody but the mirror wrote to",
            "GET",
            plan.shadow.node_ports[-1],
            document,
            mirrored=False,
        ),
    )


def last_line_command(side: Side) -> str:
    """How a user sees the last line of a proxy's capture log."""
    return f"docker exec {side.proxy} tail -n 1 {CAPTURE_LOG}"


def guide(plan: Plan, version: str, docker_host: str | None, ending: str) -> str:
    """The text that a demo shows when everything runs.

    ``docker_host``: what another terminal must set to reach the engine, if anything; ``ending``: what ends the demo.
    """
    nodes = len(plan.primary.node_ports)
    lines = [
        f"HAProxy is running in a Docker container, available at 127.0.0.1:{plan.primary.proxy_port}, and passes traffic to an",
        f"ES {version} cluster of {_nodes(nodes)}. The requests and responses that pass",
        f"through it are logged in the container at {CAPTURE_LOG}. Requests are mirrored to an identical",
        "shadow cluster, behind a HAProxy of its own.",
        "",
        "Some example commands:",
    ]
    for example in examples(plan):
        lines += ["", f"  # {example.what}", f"  {example.command}"]
    lines += ["", "  # the last line of both logs, and the proxies' counters"]
    if docker_host is not None:
        lines.append(f"  export DOCKER_HOST={shlex.quote(docker_host)}")
    lines += [f"  {last_line_command(side)}" for side in plan.sides]
    lines += [f"  docker exec {plan.primary.proxy} capture-status", "", ending]
    return "\n".join(lines)


def _nodes(count: int) -> str:
    if count == 1:
        return "one node, in a container of its own"
    words = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
    return f"{words[count - 2]} nodes, each in its own container"
