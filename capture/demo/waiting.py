"""Waits for RETURN, and tells when a container of the demo ends meanwhile."""

import select
import sys
import termios
from collections.abc import Iterable, Mapping

from capture.demo.offload import OffloadWatch
from capture.demo.plan import Plan
from capture.demo.transcript import Transcript
from capture.engine import Engine
from capture.inventory import ContainerSummary

_LOOK_S = 2.0


def wait_for_return(
    engine: Engine, plan: Plan, transcript: Transcript, offload: OffloadWatch | None = None
) -> None:
    """Wait for RETURN, or the end of the input."""
    told: set[str] = set()
    while not select.select([sys.stdin], [], [], _LOOK_S)[0]:
        for name, state in not_running(plan, engine.containers()).items():
            if name not in told:
                transcript.progress(f"{name} is {state}: the demo goes on without it (docker start {name})")
                told.add(name)
        if offload is not None:
            offload.look()
    sys.stdin.readline()


def forget_typed() -> None:
    """Drop what was typed so far; to be called before the question is shown, since then it was no answer to it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def not_running(plan: Plan, containers: Iterable[ContainerSummary]) -> Mapping[str, str]:
    """Those containers of the demo that don't run, and what they are instead."""
    states = {container.name: container.state for container in containers}
    return {
        name: states.get(name, "gone") for name in plan.containers if states.get(name, "gone") != "running"
    }
