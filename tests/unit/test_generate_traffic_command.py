"""generate_traffic.py as far as it goes without a cluster: its options, its words, its exit codes."""

import socket

import pytest
from click.testing import CliRunner, Result

from generate_traffic import main
from traffic.operations import OPERATIONS

OPTIONS = [name for parameter in main.params for name in parameter.opts if name.startswith("--")]


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_help_names_every_option_with_its_variable(option: str) -> None:
    words = " ".join(invoke("-h").output.split())
    assert option in words
    if option != "--help":
        assert f"CAPTURE_TRAFFIC_{option.removeprefix('--').replace('-', '_').upper()}" in words


def test_the_help_names_the_operations_and_ends_in_examples_and_exit_codes() -> None:
    text = invoke("-h").output
    assert all(name in text for name in OPERATIONS)
    assert "./generate_traffic.py --rate 500 --duration 60 --mix search=70,get=20,bulk=10" in text
    assert "Exit codes: 0 done" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mix", "serch=70"), "--mix: there is no operation 'serch'"),
        (("--target", "localhost"), "--target: the target 'localhost' has no port"),
        (("--rate", "0"), "--rate is 0"),
        (("--rate", "fast"), "'fast' is not a valid float"),
        (("--duration", "long"), "--duration: 'long' is no time"),
        (("--timeout", "0"), "--timeout is 0"),
        (("--index", "Logs"), "--index: 'Logs' is no name"),
        (("--user", "me"), "there is a user and no password"),
        (
            ("--target", "https://localhost:1", "--ca", "pyproject.toml"),
            "--ca: 'pyproject.toml' can't be read",
        ),
        (("--rat", "1"), "--rat"),
    ],
)
def test_input_that_can_t_be_used_ends_with_2(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_options_from_the_environment() -> None:
    result = invoke(CAPTURE_TRAFFIC_MIX="nothing=1")
    assert result.exit_code == 2
    assert "there is no operation 'nothing'" in result.stderr


def test_where_nothing_answers_it_ends_with_5_and_says_what_to_do() -> None:
    with socket.socket() as taken:
        # Bound, and not listening: nobody else can.
        taken.bind(("127.0.0.1", 0))
        result = invoke("--target", f"http://127.0.0.1:{taken.getsockname()[1]}", "--clean-up")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert "(not connected: Connection refused)" in result.stderr
    assert "make demo" in result.stderr
    assert len(result.stderr.splitlines()) == 2
