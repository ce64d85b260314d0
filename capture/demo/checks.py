"""What is looked at before anything is created: ports, names, memory."""

import sys
from collections.abc import Iterable, Mapping

from capture.demo.memory import available_mib, needed_mib
from capture.demo.plan import Plan
from capture.demo.ports import users_of_ports
from capture.demo.settings import MIB, DemoSettings
from capture.engine import Engine
from capture.errors import bad_input
from capture.inventory import ContainerSummary
from capture.local_engine import ENDS_WITH_COMMAND


def check_room(engine: Engine, plan: Plan, settings: DemoSettings) -> None:
    """Check that the demo can have its ports, names and memory.

    Raises:
        UserError: (exit code 2) it can't; nothing has been created.
    """
    containers = engine.containers()
    here = engine.host.startswith("unix://")
    # On other systems the engine sits in a virtual machine, whose memory alone counts.
    memory_here = available_mib() if here and sys.platform == "linux" else None
    check_names(plan, containers)
    check_ports(plan, users_of_ports(plan.ports, containers, on_this_machine=here))
    check_memory(settings, engine.memory_bytes() // MIB, memory_here)


def check_can_keep(settings: DemoSettings, environment: Mapping[str, str]) -> None:
    """Check that the engine outlives the demo where that is to stay.

    Raises:
        UserError: (exit code 2) it does not.
    """
    if settings.keep and environment.get(ENDS_WITH_COMMAND):
        raise bad_input(
            "--keep: this Docker engine is stopped when the demo ends, and everything in it is removed",
            'start one that stays first: eval "$(python3 -m capture.local_engine start)"',
        )


def check_names(plan: Plan, containers: Iterable[ContainerSummary]) -> None:
    """Check that no other container has a name of ``plan``.

    Raises:
        UserError: (exit code 2) one has.
    """
    taken = [container.name for container in containers if container.name in plan.containers]
    if taken:
        raise bad_input(
            f"{_containers(taken)} already, and not of this demo",
            f"remove: docker rm -f {' '.join(taken)}, or choose other names: {_other_offset(plan)}",
        )


def check_ports(plan: Plan, taken: Mapping[int, str]) -> None:
    """Check that no port of ``plan`` is taken.

    Raises:
        UserError: (exit code 2) one is.
    """
    if taken:
        words = [f"{port} ({what})" for port, what in taken.items()]
        ports = f"port {words[0]} is" if len(words) == 1 else f"ports {', '.join(words)} are"
        raise bad_input(
            f"{ports} in use", f"end what uses it, or move the demo's ports: {_other_offset(plan)}"
        )


def check_memory(settings: DemoSettings, engine_mib: int, available: int | None) -> None:
    """Check ``engine_mib``, the memory of the engine's machine, and ``available``, what is free of it (None: not known).

    Raises:
        UserError: (exit code 2) the demo takes more.
    """
    needed = needed_mib(settings)
    have, where = min(
        ((mib, where) for mib, where in ((engine_mib, "the Docker engine has"), (available, "this machine has free")) if mib is not None),
        key=lambda pair: pair[0],
    )  # fmt: skip
    if have < needed:
        raise bad_input(
            f"not enough memory: {2 * settings.nodes} nodes with a heap of {settings.heap_mib} MiB take about {needed} MiB, {where} {have}",
            "take fewer or smaller nodes: --nodes 1 --heap 256m (Docker Desktop: more under Settings, Resources)",
        )


def _other_offset(plan: Plan) -> str:
    return f"--port-offset {plan.offset + 1000}"


def _containers(names: list[str]) -> str:
    return f"container {names[0]} exists" if len(names) == 1 else f"containers {', '.join(names)} exist"
