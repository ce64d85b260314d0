"""Clusters that do not come up, what is said of them, and that nothing is left of any."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from capture.cluster import Cluster, ClusterSettings
from capture.container import Container, ContainerSettings
from capture.engine import Engine
from capture.errors import UserError
from tests.e2e.pair import Pair
from tests.integration.rig import poll

# More than any machine has: Java ends at once, and says why.
TOO_MUCH = "9000g"


@pytest.fixture
def purpose(docker_engine: Engine) -> Iterator[str]:
    """A label of this test's own; what carries it is removed in the end."""
    purpose = f"test-{secrets.token_hex(4)}"
    yield purpose
    docker_engine.remove_labelled(purpose)


@pytest.fixture
def cluster(docker_engine: Engine, elasticsearch_image: str, purpose: str) -> Cluster:
    """A cluster of two nodes that is not started yet."""
    return Cluster(docker_engine, settings(purpose, elasticsearch_image))


def settings(purpose: str, image: str, **changes: Any) -> ClusterSettings:
    return ClusterSettings(**{"name": f"capture-{purpose}", "image": image, "purpose": purpose} | changes)


def test_every_node_is_reached_at_a_port_of_its_own(pair: Pair) -> None:
    names = [requests.get(url, timeout=10).json()["name"] for url in pair.primary_cluster.urls]
    assert names == list(pair.primary_cluster.settings.node_names)


def test_a_time_out_tells_of_each_node(cluster: Cluster) -> None:
    cluster.start()
    seen: list[str] = []
    with pytest.raises(
        UserError, match=r"is not active .* after 1 s of 1 s: last seen: no answer yet"
    ) as error:
        cluster.wait_active(1, seen.append)
    assert seen == ["no answer yet"]
    assert [line for line in error.value.detail.splitlines() if not line.startswith(" ")] == [
        line
        for name in cluster.settings.node_names
        for line in error.value.detail.splitlines()
        if line.startswith(f"{name}: running")
    ]


def test_a_node_that_is_killed_ends_the_wait(docker_engine: Engine, cluster: Cluster, purpose: str) -> None:
    cluster.start()
    cluster.nodes[1].signal("KILL")
    name = cluster.settings.node_names[1]
    with pytest.raises(UserError, match=f"{name} ended") as error:
        cluster.wait_active(60)
    assert f"{name}: exited, exit code 137" in error.value.detail
    cluster.stop()
    cluster.remove()
    assert docker_engine.labelled(purpose) == []


def test_a_heap_that_no_machine_has(docker_engine: Engine, elasticsearch_image: str, purpose: str) -> None:
    cluster = Cluster(docker_engine, settings(purpose, elasticsearch_image, heap=TOO_MUCH))
    cluster.start()
    with pytest.raises(UserError, match="ended") as error:
        cluster.wait_active(60)
    assert "exited, exit code 1" in error.value.detail
    assert "not enough memory" in error.value.hint


def test_what_an_interrupted_start_made_is_removed(
    docker_engine: Engine, cluster: Cluster, purpose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = docker_engine.run

    def interrupted(settings: ContainerSettings) -> Container:
        if settings.name == cluster.settings.node_names[1]:
            raise KeyboardInterrupt
        return run(settings)

    monkeypatch.setattr(docker_engine, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cluster.start()
    assert len(docker_engine.labelled(purpose)) == 2
    cluster.remove()
    assert docker_engine.labelled(purpose) == []


def test_a_cluster_whose_name_is_taken_leaves_the_other_alone(
    docker_engine: Engine, cluster: Cluster, elasticsearch_image: str, purpose: str
) -> None:
    cluster.start()
    other = Cluster(docker_engine, settings(purpose, elasticsearch_image))
    with pytest.raises(UserError, match="already in use") as error:
        other.start()
    assert "docker ps -a" in error.value.hint
    other.remove()
    assert [node.state() for node in cluster.nodes] == ["running", "running"]
    assert len(docker_engine.labelled(purpose)) == 3


def test_a_port_that_is_taken(
    docker_engine: Engine, elasticsearch_image: str, purpose: str, pair: Pair
) -> None:
    _, taken = pair.primary_cluster.nodes[0].published(9200)
    cluster = Cluster(docker_engine, settings(purpose, elasticsearch_image, nodes=1, first_host_port=taken))
    with pytest.raises(UserError, match=rf":{taken}\b.*(already allocated|already in use)") as error:
        cluster.start()
    assert "choose another" in error.value.hint
    cluster.remove()
    assert docker_engine.labelled(purpose) == []


def test_a_node_that_somebody_removed(docker_engine: Engine, cluster: Cluster, purpose: str) -> None:
    cluster.start()
    cluster.nodes[0].remove()
    with pytest.raises(UserError, match="ended") as error:
        cluster.wait_active(60)
    assert "somebody removed it" in error.value.hint
    cluster.stop()
    cluster.remove()
    poll("all to be gone", lambda: docker_engine.labelled(purpose) == [])
