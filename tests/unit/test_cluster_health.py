"""When a cluster is active, and what is said when it is not."""

import pytest

from capture.cluster_health import Health, are_active, describe, has_ended, not_active, read_health
from capture.container import ContainerReport
from capture.errors import UserError

GREEN = Health("green", 2)
SLOW = ContainerReport("c-node-1", "running", None, False, ("[n1] initialized",))


def failure(*nodes: ContainerReport, seen: str = "no answer yet") -> UserError:
    return not_active("c", nodes, waited_s=12.4, timeout_s=120, seen=seen)


def test_health_is_read_from_what_a_node_answers() -> None:
    assert read_health({"status": "yellow", "number_of_nodes": 2, "timed_out": False}) == Health("yellow", 2)


@pytest.mark.parametrize(
    "answer", [{}, {"error": {"type": "master_not_discovered_exception"}, "status": 503}]
)
def test_an_error_is_no_health(answer: dict[str, object]) -> None:
    assert read_health(answer) is None


@pytest.mark.parametrize(
    ("healths", "active"),
    [
        ([GREEN, GREEN], True),
        ([Health("green", 1)], True),
        ([GREEN, None], False),
        ([Health("green", 1), Health("green", 1)], False),
        ([Health("yellow", 2), GREEN], False),
        ([GREEN, Health("green", 3)], False),
        ([None, None], False),
    ],
)
def test_it_is_active_when_every_node_sees_all_of_them_and_green(
    healths: list[Health | None], active: bool
) -> None:
    assert are_active(healths) is active


@pytest.mark.parametrize(
    ("healths", "words"),
    [
        ([None, None], "no answer yet"),
        ([Health("green", 1), None], "green, 1 of 2 nodes, 1 silent"),
        ([GREEN, Health("yellow", 2)], "yellow, 2 of 2 nodes"),
        ([Health("yellow", 2), Health("red", 1)], "red, 1 of 2 nodes"),
    ],
)
def test_progress_tells_of_the_node_that_is_furthest_behind(healths: list[Health | None], words: str) -> None:
    assert describe(healths) == words


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        ("running", False),
        ("paused", False),
        ("created", False),
        ("exited", True),
        ("dead", True),
        ("gone", True),
    ],
)
def test_a_node_that_will_not_come_up_any_more_has_ended(state: str, ended: bool) -> None:
    assert has_ended(ContainerReport("n", state)) is ended


def test_a_time_out_says_what_was_awaited_for_how_long_and_what_the_nodes_said() -> None:
    error = failure(SLOW, ContainerReport("c-node-2", "running"), seen="yellow, 1 of 2 nodes")
    assert str(error) == (
        "cluster c is not active (green, 2 of 2 nodes) after 12 s of 120 s: last seen: yellow, 1 of 2 nodes"
    )
    assert error.detail.splitlines() == [
        "c-node-1: running, its last lines:",
        "    [n1] initialized",
        "c-node-2: running, it said nothing",
    ]
    assert error.hint.startswith("give it more time")


def test_a_node_that_ended_is_named_with_its_exit_code() -> None:
    error = failure(SLOW, ContainerReport("c-node-2", "exited", 78, False, ("uncaught exception",)))
    assert "c-node-2 ended" in str(error)
    assert "c-node-2: exited, exit code 78, its last lines:" in error.detail
    assert "docker logs c-node-2" in error.hint


@pytest.mark.parametrize(
    ("node", "hint"),
    [
        (ContainerReport("n", "exited", 137, True), "not enough memory"),
        (
            ContainerReport("n", "exited", 1, False, ("error='Not enough space' (errno=12)",)),
            "not enough memory",
        ),
        (ContainerReport("n", "exited", 137, False), "killed"),
        (
            ContainerReport("n", "exited", 127, False, ("java.lang.OutOfMemoryError: Java heap space",)),
            "heap is too small",
        ),
        (ContainerReport("n", "gone"), "somebody removed it"),
        (ContainerReport("n", "paused"), "docker unpause n"),
    ],
)
def test_the_hint_fits_what_happened(node: ContainerReport, hint: str) -> None:
    assert hint in failure(SLOW, node).hint


def test_lines_that_tell_nothing_are_left_out_and_long_ones_cut() -> None:
    lines = (
        "WARNING: System::setSecurityManager will be removed in a future release",
        "java.lang.IllegalStateException: jar hell!",
        "\tat org.elasticsearch.bootstrap.JarHell.checkClass(JarHell.java:302)",
        "word " * 1000,
    )
    shown = failure(ContainerReport("n", "exited", 1, False, lines)).detail.splitlines()
    assert shown[1] == "    java.lang.IllegalStateException: jar hell!"
    assert len(shown) == 3
    assert len(shown[2]) < 300


def test_a_node_that_said_only_such_lines_is_shown_with_the_last_of_them() -> None:
    lines = ("WARNING: one", "WARNING: two")
    assert failure(ContainerReport("n", "running", None, False, lines)).detail.splitlines()[1:] == [
        "    WARNING: two"
    ]
