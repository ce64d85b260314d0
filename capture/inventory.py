"""What containers an engine has, whoever created them; used by `capture.engine.Engine`."""

from dataclasses import dataclass

import docker


@dataclass(frozen=True)
class ContainerSummary:
    """A container of the engine, whoever created it."""

    name: str
    purpose: str | None
    """Value of our label; None when it is not ours."""
    state: str
    """Docker's word for it: created, running, exited ..."""
    published: tuple[int, ...]
    """Ports of the engine's machine that lead to it."""


def list_containers(client: docker.DockerClient, label: str) -> list[ContainerSummary]:
    """All containers, running or not."""
    return [
        ContainerSummary(
            name=container["Names"][0].removeprefix("/") if container["Names"] else container["Id"][:12],
            purpose=container["Labels"].get(label),
            state=container["State"],
            published=tuple(
                sorted({port["PublicPort"] for port in container["Ports"] or () if "PublicPort" in port})
            ),
        )
        for container in client.api.containers(all=True)
    ]
