"""When a cluster is active, and what to say when it does not become so. Decides on values; asks nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capture.container import ContainerReport
from capture.errors import UserError

_SHOWN_LINES = 8
_KILLED = 128 + 9
# What Java says (to stderr, in these words) when it does not get the memory for its heap.
_NO_MEMORY = (
    "insufficient memory for the Java Runtime Environment",
    "Cannot allocate memory",
    "OutOfMemoryError",
)


@dataclass(frozen=True)
class Health:
    """A node's answer to ``GET _cluster/health``."""

    status: str
    """``green``, ``yellow`` or ``red``; empty when it gave none."""
    nodes: int = 0
    """How many nodes it sees, itself included."""

    def is_active(self, nodes: int) -> bool:
        """Whether every shard is where it should be, on all of ``nodes`` nodes."""
        return self.status == "green" and self.nodes == nodes

    def describe(self, nodes: int) -> str:
        """In a few words, for progress."""
        if not self.status:
            return "no answer yet"
        return f"{self.status}, {self.nodes} of {nodes} nodes"


NO_ANSWER = Health("")
"""Of a node that does not listen yet, or has no master."""


def read_health(answer: Mapping[str, Any]) -> Health:
    """The health that a node's JSON tells."""
    return Health(str(answer.get("status", "")), int(answer.get("number_of_nodes", 0)))


def least(healths: Sequence[Health]) -> Health:
    """The one of ``healths`` that is furthest from active: the nodes hear of each other one after the other."""
    order = ["", "red", "yellow", "green"]
    return min(healths, key=lambda health: (order.index(health.status), health.nodes))


def has_ended(report: ContainerReport) -> bool:
    """Whether a node will not come up any more."""
    return report.state in ("exited", "dead", "gone", "removing")


def not_active(
    cluster: str, nodes: Sequence[ContainerReport], *, waited_s: float, timeout_s: float, seen: Health
) -> UserError:
    """The error for a cluster that was awaited for ``waited_s`` seconds, of ``timeout_s`` at most."""
    ended = [node for node in nodes if has_ended(node)]
    why = f"{ended[0].name} ended" if ended else f"last seen: {seen.describe(len(nodes))}"
    return UserError(
        f"cluster {cluster} is not active (green, with {_counted(len(nodes))}) after {waited_s:.0f} s of {timeout_s:g} s: {why}",
        hint=_hint(nodes, ended),
        detail="\n".join(line for node in nodes for line in _described(node)),
    )


def _described(node: ContainerReport) -> list[str]:
    code = "" if node.exit_code is None else f", exit code {node.exit_code}"
    killed = ", out of memory" if node.out_of_memory else ""
    lines = node.last_lines[-_SHOWN_LINES:]
    said = ", its last lines:" if lines else ", it said nothing"
    return [f"{node.name}: {node.state}{code}{killed}{said}", *(f"    {line}" for line in lines)]


def _hint(nodes: Sequence[ContainerReport], ended: Sequence[ContainerReport]) -> str:
    wants_memory = any(
        node.out_of_memory or any(words in line for line in node.last_lines for words in _NO_MEMORY)
        for node in nodes
    )
    if wants_memory or any(node.exit_code == _KILLED for node in ended):
        return (
            "is there enough memory? give the nodes less heap, have fewer nodes, or give Docker more memory"
        )
    if any(node.state == "gone" for node in ended):
        return "somebody removed it: is another run using the same names?"
    if ended:
        return f"its last lines say why; all of them, while it is there: docker logs {ended[0].name}"
    paused = [node.name for node in nodes if node.state == "paused"]
    if paused:
        return f"a node is frozen: docker unpause {paused[0]}"
    return "give it more time, or the machine less to do; the nodes' last lines say how far they are"


def _counted(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
