"""The demo leaves nothing behind, at whichever step and by whatever it ends. Real clusters of one small node."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from capture.container import ContainerSettings
from capture.demo.plan import Plan, make_plan, purpose_of
from capture.demo.settings import DemoSettings
from capture.engine import Engine
from capture.settings import WORKSPACE
from capture.versions import BASE_IMAGE
from capture.workspace import REPOSITORY
from tests.e2e.demo_process import CTRL_C, CTRL_D, RETURN, DemoProcess, free_offset, processes_with
from tests.integration.proxies import PURPOSE

READY = "Press RETURN in this window"

Start = Callable[..., DemoProcess]


@pytest.fixture(scope="module")
def offset(docker_engine: Engine, elasticsearch_image: str, images: object) -> Iterator[int]:
    """The port offset of all demos here. The images are there already, so that a step takes as long as it does later."""
    offset = free_offset()
    yield offset
    for side in make_plan(DemoSettings(port_offset=offset)).sides:
        docker_engine.remove_image(side.proxy)
    shutil.rmtree(f"{WORKSPACE}-{offset}", ignore_errors=True)


@pytest.fixture
def plan(offset: int) -> Plan:
    return make_plan(DemoSettings(nodes=1, port_offset=offset))


@pytest.fixture
def start(docker_engine: Engine, offset: int) -> Iterator[Start]:
    """Start a demo; in the end nothing of it may be left, and what is not its own must still run."""
    bystander = docker_engine.run(
        ContainerSettings(image=BASE_IMAGE, purpose=PURPOSE, command=("sleep", "infinity"))
    )
    started: list[DemoProcess] = []

    def run(*arguments: str) -> DemoProcess:
        demo = DemoProcess("--nodes", "1", "--heap", "256m", "--port-offset", str(offset), *arguments)
        started.append(demo)
        return demo

    try:
        yield run
        for demo in started:
            demo.end()
        assert docker_engine.labelled(purpose_of(offset)) == []
        assert list(processes_with(f"cluster_traffic_capture-{offset}")) == []
        assert bystander.state() == "running"
    finally:
        for demo in started:
            demo.close()
        docker_engine.remove_labelled(purpose_of(offset))
        bystander.remove()


def closing_lines(plan: Plan) -> list[str]:
    primary, shadow = (side.cluster for side in plan.sides)
    return [
        f"Stopping cluster {primary}...",
        f"Cleaning up underlying resources for cluster {primary}...",
        f"Stopping cluster {shadow}...",
        f"Cleaning up underlying resources for cluster {shadow}...",
        "Cleaning up underlying resources for the Primary HAProxy container...",
        "Cleaning up underlying resources for the Shadow HAProxy container...",
    ]


@pytest.mark.parametrize(
    ("step", "by", "code"),
    [
        ("Creating primary cluster...", CTRL_C, 130),
        ("Step 1/", signal.SIGTERM, 143),
        ("started: primary", CTRL_C, 130),
        ("started: shadow", signal.SIGHUP, 129),
        ("Waiting up to", CTRL_C, 130),
        ("is active\nCreating shadow cluster", signal.SIGTERM, 143),
        ("Building HAProxy Docker images", CTRL_C, 130),
        ("Starting HAProxy container for Shadow", CTRL_C, 130),
        ("Starting HAProxy container for Primary", signal.SIGTERM, 143),
        (READY, CTRL_C, 130),
    ],
)
def test_broken_off_at_a_step(start: Start, step: str, by: bytes | signal.Signals, code: int) -> None:
    demo = start()
    demo.await_line(step)
    demo.press(by) if isinstance(by, bytes) else demo.signal(by)
    assert demo.end() == code, demo.shown


def test_the_whole_transcript_to_the_end_of_the_input(start: Start, plan: Plan) -> None:
    demo = start("--quiet")
    demo.await_line(READY)
    demo.press(CTRL_D)
    assert demo.end() == 0, demo.shown
    lines = demo.shown.splitlines()
    workspace = f"{WORKSPACE}-{plan.offset}"
    begun = [
        *[
            line
            for side in plan.sides
            for line in (
                f"Creating {side.role} cluster...",
                "Waiting up to 120 sec for cluster to be active...",
                f"Cluster {side.cluster} is active",
            )
        ],
        "Building HAProxy Docker images for Primary and Shadow HAProxy containers...",
        f"Executing command to build Docker images: {' '.join(plan.build_command)}",
        f"Subshell> Copying Docker-related files to: {workspace}",
        f"Subshell> Writing HAProxy Config to: {workspace}/haproxy_no_mirror.cfg",
        f"Subshell> Writing HAProxy Config to: {workspace}/haproxy_w_mirror.cfg",
        "Subshell> Building HAProxy Docker image for Primary Cluster...",
        f"Subshell> Primary HAProxy image available locally w/ tag: {plan.primary.proxy}",
        "Subshell> Building HAProxy Docker image for Shadow Cluster...",
        f"Subshell> Shadow HAProxy image available locally w/ tag: {plan.shadow.proxy}",
        "Starting HAProxy container for Shadow Cluster...",
        "Starting HAProxy container for Primary Cluster...",
        "",
    ]
    assert lines[: len(begun)] == begun
    assert lines[-6:] == closing_lines(plan)


def test_a_second_ctrl_c_removes_at_once(start: Start) -> None:
    demo = start()
    demo.await_line("Waiting up to")
    demo.press(CTRL_C)
    demo.await_line("Stopping cluster")
    demo.press(CTRL_C)
    assert demo.end() == 130
    assert "at once" in demo.shown


def test_what_a_kill_leaves_is_removed_by_the_next_start(
    start: Start, docker_engine: Engine, plan: Plan
) -> None:
    killed = start()
    killed.await_line("Starting HAProxy container for Primary")
    second = start()
    second.await_line("error: a demo runs here already")
    assert second.end() == 2
    assert set(plan.primary.nodes) <= set(docker_engine.labelled(plan.purpose))

    killed.signal(signal.SIGKILL)
    assert killed.end() == -signal.SIGKILL
    assert docker_engine.labelled(plan.purpose)
    following = start()
    following.await_line("Removed what a killed demo had left: ")
    following.await_line("Creating primary cluster...")
    following.press(CTRL_C)
    assert following.end() == 130
    assert plan.primary.nodes[0] in following.shown


def test_a_node_that_is_killed_while_it_starts(start: Start, docker_engine: Engine, plan: Plan) -> None:
    demo = start()
    demo.await_line("Waiting up to")
    subprocess.run(["docker", "kill", plan.primary.nodes[0]], check=True, stdout=subprocess.DEVNULL)
    assert demo.end() == 1
    assert f"error: cluster {plan.primary.cluster} is not active" in demo.shown
    assert plan.primary.nodes[0] in demo.shown
    assert "hint: " in demo.shown


def test_return_after_a_node_was_killed(start: Start, plan: Plan) -> None:
    demo = start()
    demo.await_line(READY)
    subprocess.run(["docker", "kill", plan.shadow.nodes[0]], check=True, stdout=subprocess.DEVNULL)
    demo.await_line(f"{plan.shadow.nodes[0]} is exited")
    demo.press(RETURN)
    assert demo.end() == 0, demo.shown
    said = demo.shown.splitlines()
    assert [line for line in said if line in closing_lines(plan)] == closing_lines(plan)


def test_a_cluster_that_does_not_become_active_in_time(start: Start, plan: Plan) -> None:
    demo = start("--wait", "1")
    assert demo.end() == 1
    assert f"error: cluster {plan.primary.cluster} is not active" in demo.shown


def test_kept_with_json_then_a_tour_beside_it_is_refused_then_cleaned(
    start: Start, docker_engine: Engine, offset: int, plan: Plan
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "demo_haproxy.py", "--port-offset", str(offset), *arguments]
        return subprocess.run(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    kept = run("--nodes", "1", "--heap", "256m", "--keep", "--json", "--tour")
    assert kept.returncode == 0, kept.stderr
    assert json.loads(kept.stdout)["primary"]["haproxy"] == f"http://127.0.0.1:{80 + offset}"
    assert 'The document as the shadow cluster has it: {"name": "Finwe"}' in kept.stderr
    assert "Mirrored: 4 of 4." in kept.stderr
    assert "behind; it got the last one" in kept.stderr
    assert set(plan.containers) <= set(docker_engine.labelled(plan.purpose))

    again = run()
    assert (again.returncode, again.stdout) == (2, "")
    assert f"--port-offset {offset} --clean" in again.stderr

    cleaned = run("--clean")
    assert cleaned.returncode == 0
    assert cleaned.stdout.startswith("Removed: haproxy-primary")
    assert run("--clean").stdout == "There is nothing to remove\n"
    assert docker_engine.labelled(plan.purpose) == []
