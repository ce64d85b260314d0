"""Containers on the host's network: everything that is compared runs in one, so that it bears the same cost."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.host_process import wait_listening
from benchmarks.processes import container_processes
from capture.container import Container, ContainerSettings
from capture.engine import Engine
from capture.errors import UserError

PURPOSE = "benchmark"
"""Value of our label on what the benchmark creates."""


@contextmanager
def container(
    engine: Engine,
    image: str,
    port: int,
    environment: Mapping[str, str],
    command: tuple[str, ...] | None = None,
    cpu_shares: int | None = None,
) -> Iterator[Container]:
    """Run a container for the time of a ``with`` block; yielded once it listens on ``port``.

    Raises:
        UserError: it does not within a minute.
    """
    started = engine.run(
        ContainerSettings(
            image=image,
            purpose=PURPOSE,
            network="host",
            environment=environment,
            command=command,
            cpu_shares=cpu_shares,
        )
    )
    try:
        try:
            wait_listening(port, lambda: started.state() == "running", started.name)
        except UserError as error:
            raise UserError(str(error), hint="its log is above", detail=started.logs()) from error
        yield started
    finally:
        started.remove()


def processes(started: Container, names: Mapping[str, str]) -> dict[str, frozenset[int]]:
    """Processes of a container: by their command's name in ``names``, under what it is mapped to."""
    # The only way to its id that the engine's wrapper leaves: the engine's mount of /etc/hosts.
    mounts = started.exec("cat", "/proc/1/mountinfo").output
    container_id = re.search(r"/containers/([0-9a-f]{64})/", mounts)
    if container_id is None:
        return {}
    found = container_processes(container_id[1])
    return {title: found[name] for name, title in names.items() if name in found}
