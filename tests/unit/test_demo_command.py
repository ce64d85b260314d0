"""demo_haproxy.py as far as it goes without an engine: its options, its words, its exit codes."""

import pytest
from click.testing import CliRunner, Result

from demo_haproxy import main

OPTIONS = (
    "--nodes",
    "--heap",
    "--wait",
    "--port-offset",
    "--tour",
    "--keep",
    "--clean",
    "--refresh-credentials",
    "--json",
    "--quiet",
    "--verbose",
)


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_help_names_every_option_with_its_variable(option: str) -> None:
    words = " ".join(invoke("-h").output.split())
    assert option in words
    assert f"CAPTURE_DEMO_{option.removeprefix('--').replace('-', '_').upper()}" in words


def test_the_help_ends_in_examples_and_exit_codes() -> None:
    text = invoke("-h").output
    assert "./demo_haproxy.py --tour --nodes 1" in text
    assert "Exit codes: 0 done" in text


@pytest.mark.parametrize("arguments", [(), ("--tour",), ("--clean",), ("--keep", "--json")])
def test_without_an_engine_it_ends_with_3_and_nothing_on_stdout(arguments: tuple[str, ...]) -> None:
    result = invoke("--port-offset", "41234", *arguments)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "error: no Docker engine answers at unix:///nonexistent.sock" in result.stderr
    assert "hint: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--nodes", "0"), "--nodes is 0"),
        (("--refresh-credentials", "--keep"), "--refresh-credentials does only that"),
        (("--nodes", "two"), "'two' is not a valid integer"),
        (("--heap", "512"), "--heap: '512' is no size"),
        (("--heap", "64m"), "--heap is 64m"),
        (("--wait", "0"), "--wait is 0"),
        (("--port-offset", "60000"), "--port-offset is 60000"),
        (("--clean", "--keep"), "--clean only removes"),
        (("--clean", "--json"), "--clean only removes"),
        (("--nods", "1"), "--nods"),
    ],
)
def test_input_that_can_t_be_used_ends_with_2(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("variable", "words"), [("NODES", "--nodes is 77"), ("WAIT", "--wait is -77"), ("PORT_OFFSET", "is -77")]
)
def test_options_from_the_environment(variable: str, words: str) -> None:
    value = "77" if variable == "NODES" else "-77"
    result = invoke(**{f"CAPTURE_DEMO_{variable}": value})
    assert result.exit_code == 2
    assert words in result.stderr
