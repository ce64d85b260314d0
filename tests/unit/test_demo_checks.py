"""What a demo refuses before anything is created, and what it takes for its own."""

from pathlib import Path

import pytest

from capture.demo.checks import check_can_keep, check_memory, check_names, check_ports
from capture.demo.lease import Lease, leased, lock_path
from capture.demo.leftovers import check_not_kept, purposes_of_demos
from capture.demo.memory import needed_mib, parse_available
from capture.demo.plan import make_plan
from capture.demo.ports import parse_listening, users_of_ports
from capture.demo.settings import DemoSettings
from capture.demo.waiting import not_running
from capture.errors import ExitCode, UserError
from capture.inventory import ContainerSummary
from capture.local_engine import ENDS_WITH_COMMAND

SETTINGS = DemoSettings()
PLAN = make_plan(SETTINGS)


def container(
    name: str, *, purpose: str | None = None, state: str = "running", published: tuple[int, ...] = ()
) -> ContainerSummary:
    return ContainerSummary(name=name, purpose=purpose, state=state, published=published)


def test_a_port_in_use_is_named_with_its_user_and_the_option_that_moves_it() -> None:
    with pytest.raises(UserError) as refused:
        check_ports(PLAN, {80: "nginx, process 7"})
    assert str(refused.value) == "port 80 (nginx, process 7) is in use"
    assert "--port-offset 1000" in refused.value.hint
    assert refused.value.exit_code == ExitCode.BAD_INPUT
    check_ports(PLAN, {})


def test_a_second_offset_is_proposed_beside_the_first() -> None:
    with pytest.raises(UserError) as refused:
        check_ports(make_plan(DemoSettings(port_offset=1000)), {1080: "x", 1081: "y"})
    assert "ports 1080 (x), 1081 (y) are in use" in str(refused.value)
    assert "--port-offset 2000" in refused.value.hint


def test_a_containers_port_is_told_by_its_name() -> None:
    taken = users_of_ports(
        (80, 81), [container("web", published=(80, 443)), container("other")], on_this_machine=False
    )
    assert taken == {80: "container web"}


def test_a_foreign_container_with_a_name_of_ours_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        check_names(PLAN, [container("haproxy-primary", state="exited"), container("else")])
    assert str(refused.value).startswith("container haproxy-primary exists already")
    assert "docker rm -f haproxy-primary" in refused.value.hint
    check_names(PLAN, [container("haproxy-primary-1000")])


def test_nothing_is_kept_in_an_engine_that_ends_with_the_demo() -> None:
    ends = {ENDS_WITH_COMMAND: "1"}
    check_can_keep(SETTINGS, ends)
    check_can_keep(DemoSettings(keep=True), {})
    with pytest.raises(UserError) as refused:
        check_can_keep(DemoSettings(keep=True), ends)
    assert "capture.local_engine start" in refused.value.hint


def test_too_little_memory_is_refused_with_both_figures() -> None:
    needed = needed_mib(SETTINGS)
    check_memory(SETTINGS, needed, needed)
    check_memory(SETTINGS, needed, None)
    with pytest.raises(UserError) as refused:
        check_memory(SETTINGS, needed, needed - 1)
    assert f"about {needed} MiB" in str(refused.value)
    assert f"this machine has free {needed - 1}" in str(refused.value)
    assert "--nodes 1" in refused.value.hint
    with pytest.raises(UserError, match=f"the Docker engine has {needed - 1}"):
        check_memory(SETTINGS, needed - 1, None)


def test_more_nodes_and_heap_take_more_memory() -> None:
    assert needed_mib(DemoSettings(nodes=1)) < needed_mib(SETTINGS) < needed_mib(DemoSettings(heap_mib=1024))
    assert needed_mib(SETTINGS) > 4 * SETTINGS.heap_mib


def test_free_memory_is_what_programs_can_have() -> None:
    meminfo = "MemTotal:       24679648 kB\nMemFree:         1111111 kB\nMemAvailable:   24156672 kB\n"
    assert parse_available(meminfo) == 23590
    assert parse_available("MemTotal: 1 kB\n") is None


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:23F0 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 1000 0 4713 1 0 1
"""


def test_only_listening_sockets_take_a_port() -> None:
    assert parse_listening(TCP) == {80: "4711", 8080: "4713"}


def test_a_running_demo_holds_its_lock_and_a_dead_one_does_not(tmp_path: Path) -> None:
    with (
        leased("demo", tmp_path) as first,
        leased("demo", tmp_path) as second,
        leased("demo-9", tmp_path) as other,
    ):
        assert first is not None
        assert second is None
        assert other is not None
    with leased("demo", tmp_path) as again:
        assert again is not None
    assert list(tmp_path.iterdir()) == []


def test_that_a_demo_was_kept_is_remembered_until_it_is_removed(tmp_path: Path) -> None:
    def lease_says_kept() -> bool:
        with leased("demo", tmp_path) as lease:
            assert lease is not None
            return lease.kept

    assert not lease_says_kept()
    with leased("demo", tmp_path) as lease:
        assert lease is not None
        lease.set_kept(True)
    assert lease_says_kept()
    with leased("demo", tmp_path) as lease:
        assert lease is not None
        lease.set_kept(False)
    assert not lease_says_kept()


def test_a_lock_is_no_symbolic_link(tmp_path: Path) -> None:
    lock_path("demo", tmp_path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="lock"), leased("demo", tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("kept", "state", "refused"),
    [(True, "running", True), (True, "exited", False), (False, "running", False)],
)
def test_a_kept_demo_is_not_started_over_while_it_runs(
    tmp_path: Path, kept: bool, state: str, refused: bool
) -> None:
    with leased("demo", tmp_path) as lease:
        assert isinstance(lease, Lease)
        lease.set_kept(kept)
        containers = [container("haproxy-primary", purpose="demo", state=state)]
        if refused:
            with pytest.raises(UserError) as error:
                check_not_kept(PLAN, lease, containers)
            assert "./demo_haproxy.py --clean" in error.value.hint
        else:
            check_not_kept(PLAN, lease, containers)


def test_only_what_is_labelled_as_a_demo_is_looked_at() -> None:
    containers = [
        container("a", purpose="demo"), container("b", purpose="demo-1000"), container("c", purpose="demo"),
        container("d", purpose="test"), container("haproxy-primary"),
    ]  # fmt: skip
    assert purposes_of_demos(containers) == ["demo", "demo-1000"]


def test_containers_that_ended_or_went_are_told() -> None:
    containers = [container(name, purpose="demo") for name in PLAN.containers[1:]]
    containers[0] = container(PLAN.containers[1], purpose="demo", state="exited")
    assert not_running(PLAN, containers) == {"haproxy-primary": "gone", "primary-cluster-node-1": "exited"}
