"""For all tests: nothing of the shell that started them reaches the commands under test.

And what the tests with containers share, be they in `integration` or in `e2e`: an engine, the two images, a network.
"""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import settings

from capture.engine import Engine, connect
from capture.errors import UserError
from tests.integration.images import built_images
from tests.integration.proxies import PURPOSE, Images

# Speed is a benchmark's subject, never a test's.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CAPTURE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """The Docker engine that answers; without one these tests are skipped, and in CI they fail."""
    try:
        engine = connect()
    except UserError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"these tests need a Docker engine: {error}", pytrace=False)
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
    """The images of this session."""
    workspace = tmp_path_factory.mktemp("images") / "workspace"
    with built_images(docker_engine, f"capture-test-{session_id}", workspace) as images:
        yield images


@pytest.fixture(scope="session")
def network(docker_engine: Engine, session_id: str) -> Iterator[str]:
    """A bridge network of this session; on it containers reach each other by name."""
    with docker_engine.network(f"capture-test-{session_id}", PURPOSE) as name:
        yield name
