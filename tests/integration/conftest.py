"""What the integration tests share: containers of the two images that are removed in the end."""

import secrets
from collections.abc import Iterator, Mapping, Sequence

import pytest

from capture.container import Container, ContainerSettings
from capture.engine import Engine
from tests.integration.fidelity_matrix import add_option, print_matrix, verdict
from tests.integration.proxies import INTERNAL_PORT, PURPOSE, Images, Proxy, RunProxy

__all__ = ["Images", "Proxy", "RunProxy", "verdict"]

# Its assertions are to tell what they saw, as those of a test.
pytest.register_assert_rewrite("tests.integration.fidelity_checks")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests here add to the command line."""
    add_option(parser)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The fidelity suite's matrix, when asked for."""
    if terminalreporter.config.getoption("--matrix"):
        print_matrix(terminalreporter)


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
