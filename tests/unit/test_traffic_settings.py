"""What a load can be, and what is refused before anything is sent."""

from pathlib import Path
from typing import Any

import pytest

from capture.errors import UserError
from traffic.settings import TrafficSettings, read_duration_s, read_mix, read_target


def test_the_defaults() -> None:
    settings = TrafficSettings()
    assert settings.target.url == "http://localhost:80"
    assert settings.mix.weights == {"search": 70, "get": 20, "bulk": 10}
    assert settings.due == 6000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0}, "--rate is 0"),
        ({"rate": float("nan")}, "--rate is nan"),
        ({"duration_s": -1}, "--duration is -1"),
        ({"timeout_s": 0}, "--timeout is 0"),
        ({"rate": 1e-9, "duration_s": 1}, "no request is due in 1 s at 1e-09/s"),
        ({"connections": 0}, "--connections is 0"),
        ({"connections": 1001}, "--connections is 1001"),
        ({"documents": -1}, "--documents is -1"),
        ({"bulk_size": 0}, "--bulk-size is 0"),
        ({"arrivals": "poison"}, "--arrivals: there is no 'poison'"),
        ({"ca": Path("/etc/hosts")}, "--ca is given, and the target is not https"),
        ({"insecure": True}, "--insecure is given, and the target is not https"),
        ({"target": read_target("https://h:1"), "ca": Path("/nope")}, "--ca: there is no file '/nope'"),
        (
            {"target": read_target("https://h:1"), "ca": Path("/etc/hosts"), "insecure": True},
            "--ca and --insecure contradict each other",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        TrafficSettings(**values)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)


@pytest.mark.parametrize("name", ["a", "logs-2026.11", "9lives", "äöü", "a" * 255])
def test_names_of_indices(name: str) -> None:
    assert TrafficSettings(index=name).index == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Logs",
        "_x",
        "-x",
        "+x",
        ".x",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a,b",
        "a*",
        "a:b",
        'a"',
        "a" * 256,
        "ä" * 128,
    ],
)
def test_what_is_no_name_of_an_index(name: str) -> None:
    with pytest.raises(UserError, match="is no name of an index"):
        TrafficSettings(index=name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60", 60), ("0.5", 0.5), ("90s", 90), ("10m", 600), ("8h", 28_800), (" 2d ", 172_800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert read_duration_s("--duration", text) == seconds


@pytest.mark.parametrize("text", ["", "x", "1e3", "-1", "10 m", "m", "1.", "1h30m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UserError, match="is no time") as caught:
        read_duration_s("--duration", text)
    assert caught.value.exit_code == 2


def test_who_to_be() -> None:
    assert read_target("http://h:1", "me", "word") == read_target("http://me:word@h:1")
    assert read_target("http://me:word@h:1", password="other").password == "other"
    with pytest.raises(UserError, match="there is a user and no password"):
        read_target("http://me@h:1")
    with pytest.raises(UserError, match="there is a password and no user"):
        read_target("http://h:1", password="word")


def test_refusals_name_the_option() -> None:
    with pytest.raises(UserError, match=r"^--mix: there is no operation 'serch'"):
        read_mix("serch=1")
    with pytest.raises(UserError, match=r"^--target: the target 'h' has no port"):
        read_target("h")
