"""Names, ports and the build command of a demo."""

import pytest

from capture.demo.plan import make_plan, offset_of, purpose_of
from capture.demo.settings import DemoSettings, parse_heap
from capture.errors import ExitCode, UserError


def test_the_names_and_ports_that_users_know() -> None:
    plan = make_plan(DemoSettings())
    assert plan.containers == (
        "haproxy-primary", "primary-cluster-node-1", "primary-cluster-node-2",
        "haproxy-shadow", "shadow-cluster-node-1", "shadow-cluster-node-2",
    )  # fmt: skip
    assert plan.ports == (80, 9200, 9201, 81, 9202, 9203)
    assert [side.cluster for side in plan.sides] == ["primary-cluster", "shadow-cluster"]
    assert plan.purpose == "demo"
    assert plan.clean_command == "./demo_haproxy.py --clean"


def test_the_build_command_is_the_documented_one() -> None:
    assert " ".join(make_plan(DemoSettings()).build_command) == (
        "./build_docker_images.py --primary-image haproxy-primary"
        " --primary-nodes host.docker.internal:9200 host.docker.internal:9201"
        " --shadow-haproxy host.docker.internal:81 --shadow-image haproxy-shadow"
        " --shadow-nodes host.docker.internal:9202 host.docker.internal:9203 --internal-port 9200"
    )


def test_an_offset_moves_every_port_and_changes_every_name() -> None:
    plan, moved = make_plan(DemoSettings()), make_plan(DemoSettings(port_offset=1000))
    assert moved.ports == tuple(port + 1000 for port in plan.ports)
    assert not set(moved.containers) & set(plan.containers)
    assert moved.primary.nodes == ("primary-cluster-1000-node-1", "primary-cluster-1000-node-2")
    assert moved.purpose == "demo-1000"
    assert moved.clean_command == "./demo_haproxy.py --port-offset 1000 --clean"
    command = " ".join(moved.build_command)
    assert (
        "--primary-nodes host.docker.internal:10200 host.docker.internal:10201 --shadow-haproxy host.docker.internal:1081"
        in command
    )
    assert command.endswith("--workspace /tmp/cluster_traffic_capture-1000")


@pytest.mark.parametrize("nodes", [1, 3, 9])
def test_the_shadows_nodes_follow_the_primarys(nodes: int) -> None:
    plan = make_plan(DemoSettings(nodes=nodes))
    assert plan.primary.node_ports + plan.shadow.node_ports == tuple(range(9200, 9200 + 2 * nodes))
    assert len(plan.primary.nodes) == nodes


@pytest.mark.parametrize("offset", [0, 1, 55_000])
def test_the_label_tells_the_offset(offset: int) -> None:
    assert offset_of(purpose_of(offset)) == offset
    assert max(make_plan(DemoSettings(port_offset=offset, nodes=9)).ports) < 65_536


@pytest.mark.parametrize(
    "purpose", ["test", "image", "demonstration", "demo-", "demo-0", "demo-x", "a-demo", ""]
)
def test_what_is_labelled_for_something_else_is_no_demo(purpose: str) -> None:
    assert offset_of(purpose) is None


@pytest.mark.parametrize(
    "values",
    [
        {"nodes": 0}, {"nodes": 10}, {"wait_s": 0}, {"port_offset": -1}, {"port_offset": 55_001},
        {"heap_mib": 127}, {"heap_mib": 32 * 1024},
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(UserError) as refused:
        DemoSettings(**values)  # type: ignore[arg-type]
    assert refused.value.exit_code == ExitCode.BAD_INPUT
    assert str(next(iter(values.values()))) in str(refused.value)
    assert " to " in refused.value.hint


@pytest.mark.parametrize(("text", "mib"), [("512m", 512), ("512M", 512), ("1g", 1024), ("2G", 2048)])
def test_a_heap_is_written_as_java_writes_it(text: str, mib: int) -> None:
    assert parse_heap(text) == mib


@pytest.mark.parametrize("text", ["", "512", "m", "1.5g", "1t", "-1g", "512mb", " 512m"])
def test_another_heap_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--heap"):
        parse_heap(text)
