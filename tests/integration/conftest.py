"""What the integration tests share: an engine, the two images, and containers of them that are removed in the end."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence

import pytest

from capture.container import Container, ContainerSettings
from capture.engine import Engine, connect
from capture.errors import UserError
from capture.images import build_images
from capture.settings import BuildSettings
from haproxy_config.nodes import parse_nodes
from tests.integration.proxies import INTERNAL_PORT, Images, Proxy, RunProxy

__all__ = ["Images", "Proxy", "RunProxy"]

PURPOSE = "test"
"""Value of our label on what tests create."""


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """The Docker engine that answers; without one these tests are skipped, and in CI they fail."""
    try:
        engine = connect()
    except UserError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the integration tests need a Docker engine: {error}", pytrace=False)
        pytest.skip(f"{error}; {error.hint}")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def session_id() -> str:
    """Part of the names of what this session creates, so that sessions don't meet."""
    return secrets.token_hex(4)


@pytest.fixture(scope="session")
def images(
    docker_engine: Engine, session_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Images]:
    """Both images, built as a user does; their nodes are to be given at the start of a container."""
    names = Images(
        primary=f"capture-test-{session_id}-primary",
        shadow=f"capture-test-{session_id}-shadow",
        workspace=tmp_path_factory.mktemp("images") / "workspace",
    )
    try:
        build_images(
            BuildSettings(
                primary_image=names.primary,
                primary_nodes=parse_nodes(["primary-node.invalid:9200"]),
                shadow_image=names.shadow,
                shadow_nodes=parse_nodes(["shadow-node.invalid:9200"]),
                shadow_haproxy=parse_nodes(["shadow-haproxy.invalid:9200"]),
                internal_port=INTERNAL_PORT,
                workspace=names.workspace,
            ),
            engine=docker_engine,
        )
        yield names
    finally:
        docker_engine.remove_image(names.primary)
        docker_engine.remove_image(names.shadow)


@pytest.fixture(scope="session")
def network(docker_engine: Engine, session_id: str) -> Iterator[str]:
    """A bridge network of this session; on it containers reach each other by name."""
    with docker_engine.network(f"capture-test-{session_id}", PURPOSE) as name:
        yield name


@pytest.fixture
def run_proxy(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[RunProxy]:
    """Start proxies for one test.

    ``run_proxy(role, nodes, mirror_to=(), env={}, read_only=False, healthy=True)``: nodes and mirror_to as HOST:PORT;
    a server of the test on this machine is ``host.docker.internal:PORT`` when it listens on 0.0.0.0.
    """
    started: list[Container] = []

    def run(
        role: str,
        nodes: Sequence[str],
        *,
        mirror_to: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        read_only: bool = False,
        healthy: bool = True,
    ) -> Proxy:
        name = f"capture-test-{session_id}-{role}-{secrets.token_hex(3)}"
        container = docker_engine.run(
            ContainerSettings(
                image=images.primary if role == "primary" else images.shadow,
                purpose=PURPOSE,
                name=name,
                network=network,
                environment={
                    "CAPTURE_NODES": " ".join(nodes),
                    "CAPTURE_SHADOW_HAPROXY": " ".join(mirror_to),
                    **(env or {}),
                },
                publish=(INTERNAL_PORT,),
                read_only=read_only,
                volumes=("/var/log",) if read_only else (),
            )
        )
        started.append(container)
        if healthy:
            container.wait_healthy(60)
        return Proxy(container)

    yield run
    for container in started:
        container.remove()
