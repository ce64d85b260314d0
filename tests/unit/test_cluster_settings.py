"""What the nodes of a cluster are started with."""

from typing import Any

import pytest

from capture.cluster import SNAPSHOTS, ClusterSettings
from capture.errors import ExitCode, UserError


def settings(**changes: Any) -> ClusterSettings:
    return ClusterSettings(**{"name": "primary-cluster", "image": "es", "purpose": "test"} | changes)


def test_nodes_are_named_after_the_cluster() -> None:
    assert settings(nodes=3).node_names == (
        "primary-cluster-node-1",
        "primary-cluster-node-2",
        "primary-cluster-node-3",
    )


def test_nodes_in_one_network_have_ports_of_their_own() -> None:
    nodes = [settings().environment(number) for number in range(2)]
    assert [node["http.port"] for node in nodes] == ["9200", "9201"]
    assert [node["transport.port"] for node in nodes] == ["9300", "9301"]
    assert {node["discovery.seed_hosts"] for node in nodes} == {"127.0.0.1:9300,127.0.0.1:9301"}
    assert {node["cluster.name"] for node in nodes} == {"primary-cluster"}


def test_no_other_machine_reaches_the_transport_so_that_the_bootstrap_checks_only_warn() -> None:
    assert settings().environment(1)["transport.host"] == "127.0.0.1"


def test_the_first_node_alone_elects_the_first_master() -> None:
    """Were all of them named, the first one would wait for the slowest."""
    for number in range(2):
        assert settings().environment(number)["cluster.initial_master_nodes"] == "primary-cluster-node-1"


def test_heap_and_repository_are_passed_on() -> None:
    environment = settings(heap="1g").environment(0)
    assert environment["ES_JAVA_OPTS"].startswith("-Xms1g -Xmx1g ")
    assert environment["path.repo"] == SNAPSHOTS


def test_host_ports_follow_the_first() -> None:
    assert settings(first_host_port=9202).host_ports == (9202, 9203)
    assert settings().host_ports == ()


def test_other_containers_reach_all_nodes_by_the_first_ones_name() -> None:
    assert settings(network="n").network_nodes == (
        "primary-cluster-node-1:9200",
        "primary-cluster-node-1:9201",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes": 0},
        {"nodes": 33},
        {"heap": "512"},
        {"heap": "0m"},
        {"heap": "512mb"},
        {"heap": ""},
        {"first_host_port": 0},
        {"first_host_port": 65535},
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError) as error:
        settings(**changes)
    assert error.value.exit_code == ExitCode.BAD_INPUT


def test_the_highest_ports_can_be_used() -> None:
    assert settings(first_host_port=65534).host_ports == (65534, 65535)
