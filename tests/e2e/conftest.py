"""What the end-to-end tests share: one pair of real clusters with the proxies between them, for all of them."""

import secrets
from collections.abc import Iterator

import pytest

from capture.console import SILENT
from capture.elasticsearch_image import ensure_elasticsearch_image
from capture.engine import Engine
from tests.e2e.pair import Pair, open_pair
from tests.e2e.traffic import Traffic
from tests.integration.proxies import Images
from tests.integration.rig import Setting


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests here add to the command line."""
    parser.addoption(
        "--order-seconds",
        type=float,
        default=12,
        help="how long each load of test_order.py is sent; default: 12",
    )
    parser.addoption("--order", help="CAPTURE_ORDER of test_order.py's proxies; default: theirs")


@pytest.fixture(scope="session")
def elasticsearch_image(docker_engine: Engine) -> str:
    """The image that the clusters are made of."""
    return ensure_elasticsearch_image(docker_engine, SILENT)


@pytest.fixture(scope="session")
def setting(docker_engine: Engine, images: Images, network: str, session_id: str) -> Setting:
    """What proxies are started with."""
    return Setting(docker_engine, images, network, session_id)


@pytest.fixture(scope="session")
def pair(setting: Setting, elasticsearch_image: str) -> Iterator[Pair]:
    """Two clusters of two nodes, and both proxies, all of them ready."""
    with open_pair(setting, elasticsearch_image) as pair:
        yield pair


@pytest.fixture
def traffic(pair: Pair) -> Iterator[Traffic]:
    """A client of the primary's proxy whose requests can be told from all others."""
    with Traffic(pair, f"case-{secrets.token_hex(6)}") as traffic:
        yield traffic
