"""When a cluster is active, and what to say when it does not become so. Decides on values; asks nobody."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capture.container import ContainerReport
from capture.errors import UserError

_SHOWN_LINES = 8
_SHOWN_WIDTH = 240
_KILLED = 128 + 9
# What Java says when it does not get the memory for its heap, and when the heap is not enough.
_NO_MEMORY = re.compile(
    r"insufficient memory for the Java Runtime Environment|Not enough space|Cannot allocate memory"
)
_NO_HEAP = re.compile(r"java\.lang\.OutOfMemoryError")
# Lines that tell nothing: frames of a stack trace, what newer Java says about every start, and the list of its arguments.
_NOISE = re.compile(
    r"\s+at |WARNING: |warning: no-jdk|.*LocaleProviderAdapter|.*(?:no-jdk distributions|JVM arguments|loaded module) ?"
)


@dataclass(frozen=True)
class Health:
    """A node's answer to ``GET _cluster/health``."""

    status: str
    """``green``, ``yellow`` or ``red``."""
    nodes: int
    """How many nodes it sees, itself included."""


def read_health(answer: Mapping[str, Any]) -> Health | None:
    """The health that a node's JSON tells, if it does."""
    status, nodes = answer.get("status"), answer.get("number_of_nodes")
    return Health(str(status), int(nodes)) if status is not None and nodes is not None else None


def are_active(healths: Sequence[Health | None]) -> bool:
    """Whether every node of a cluster sees all of them, and every shard in place; None: a node that gives no answer."""
    return all(health == Health("green", len(healths)) for health in healths)


def describe(healths: Sequence[Health | None]) -> str:
    """In a few words, for progress: what the node says that is furthest behind."""
    order = ["red", "yellow", "green"]
    answers = [health for health in healths if health is not None]
    if not answers:
        return "no answer yet"
    least = min(answers, key=lambda health: (order.index(health.status), health.nodes))
    silent = len(healths) - len(answers)
    return f"{least.status}, {least.nodes} of {len(healths)} nodes" + (f", {silent} silent" if silent else "")


def has_ended(report: ContainerReport) -> bool:
    """Whether a node will not come up any more."""
    return report.state in ("exited", "dead", "gone", "removing")


def not_active(
    cluster: str, nodes: Sequence[ContainerReport], *, waited_s: float, timeout_s: float, seen: str
) -> UserError:
    """The error for a cluster that was awaited for ``waited_s`` seconds, of ``timeout_s`` at most; ``seen``: `describe`."""
    ended = [node for node in nodes if has_ended(node)]
    why = f"{ended[0].name} ended" if ended else f"last seen: {seen}"
    return UserError(
        f"cluster {cluster} is not active (green, {len(nodes)} of {len(nodes)} nodes)"
        f" after {waited_s:.0f} s of {timeout_s:g} s: {why}",
        hint=_hint(nodes, ended),
        detail="\n".join(line for node in nodes for line in _described(node)),
    )


def _described(node: ContainerReport) -> list[str]:
    code = "" if node.exit_code is None else f", exit code {node.exit_code}"
    killed = ", out of memory" if node.out_of_memory else ""
    telling = [line for line in node.last_lines if line.strip() and not _NOISE.match(line)]
    lines = telling[-_SHOWN_LINES:] or list(node.last_lines[-1:])
    said = ", its last lines:" if lines else ", it said nothing"
    return [
        f"{node.name}: {node.state}{code}{killed}{said}",
        *(f"    {textwrap.shorten(line, _SHOWN_WIDTH)}" for line in lines),
    ]


def _hint(nodes: Sequence[ContainerReport], ended: Sequence[ContainerReport]) -> str:
    if _said(nodes, _NO_HEAP):
        return "the heap is too small: 512m is enough for a demo"
    if _said(nodes, _NO_MEMORY) or any(node.out_of_memory for node in nodes):
        return "not enough memory: give the nodes less heap, have fewer nodes, or give Docker more memory"
    if any(node.exit_code == _KILLED for node in ended):
        return "it was killed, by somebody or for want of memory: `dmesg` may tell; try less heap"
    if any(node.state == "gone" for node in ended):
        return "somebody removed it: is another run using the same names?"
    if ended:
        return f"its last lines say why; all of them, while it is there: docker logs {ended[0].name}"
    paused = [node.name for node in nodes if node.state == "paused"]
    if paused:
        return f"a node is frozen: docker unpause {paused[0]}"
    return "give it more time, or the machine less to do; the nodes' last lines say how far they are"


def _said(nodes: Sequence[ContainerReport], words: re.Pattern[str]) -> bool:
    return any(words.search(line) for node in nodes for line in node.last_lines)
