"""build_docker_images.py as far as it goes without an engine: its options, its words, its exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from build_docker_images import main
from haproxy_config.settings import ProxySettings

PRIMARY = "--primary-nodes es1:9200 es2:9200"
SHADOW = "--shadow-haproxy shadow:81 --shadow-image haproxy-shadow --shadow-nodes es3:9200 es4:9200"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "workspace"


def invoke(workspace: Path, arguments: str, **environment: str) -> Result:
    """The command with ``arguments``, rendering only."""
    words = ["--workspace", str(workspace), "--dry-run", *arguments.split()]
    return CliRunner().invoke(main, words, env=environment)


def test_dry_run_renders_both_proxies_and_needs_no_engine(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    result = invoke(workspace, f"{PRIMARY} {SHADOW}")
    assert result.stdout.splitlines() == [
        f"Copying Docker-related files to: {workspace}",
        f"Writing HAProxy Config to: {workspace}/haproxy_no_mirror.cfg",
        f"Writing HAProxy Config to: {workspace}/haproxy_w_mirror.cfg",
    ]
    assert result.stderr == ""
    assert result.exit_code == 0
    for role, name in (("primary", "haproxy_w_mirror.cfg"), ("shadow", "haproxy_no_mirror.cfg")):
        config = workspace / f"docker_config_{role}/config"
        assert (config / "haproxy.cfg").read_text() == (workspace / name).read_text()
        assert ProxySettings.from_json((config / "settings.json").read_text()).role == role


def test_without_a_shadow_the_primary_only_captures(workspace: Path) -> None:
    result = invoke(workspace, PRIMARY)
    assert result.stdout.splitlines() == [
        f"Copying Docker-related files to: {workspace}",
        f"Writing HAProxy Config to: {workspace}/haproxy_no_mirror.cfg",
    ]
    assert not (workspace / "docker_config_shadow").exists()
    settings = ProxySettings.from_json((workspace / "docker_config_primary/config/settings.json").read_text())
    assert settings.role == "primary"
    assert settings.mirror_to == ()


def nodes(workspace: Path) -> list[str]:
    text = (workspace / "docker_config_primary/config/settings.json").read_text()
    return [str(node) for node in ProxySettings.from_json(text).nodes]


@pytest.mark.parametrize(
    "arguments",
    [
        "--primary-nodes a:1 b:2 [2001:db8::1]:3 --internal-port 80",
        "--primary-nodes a:1 --primary-nodes b:2 --primary-nodes [2001:db8::1]:3",
        "--primary-nodes a:1 b:2 --internal-port 80 --primary-nodes [2001:db8::1]:3",
        "--primary-nodes=a:1 b:2 --primary-nodes=[2001:db8::1]:3",
        "--primary-nodes a:1,b:2,[2001:db8::1]:3",
        "--primary-nodes a:1, b:2, [2001:db8::1]:3",
        "--primary-nodes=a:1,b:2 [2001:db8::1]:3",
    ],
)
def test_several_values_after_one_flag_and_repeated_flags(workspace: Path, arguments: str) -> None:
    assert invoke(workspace, arguments).exit_code == 0
    assert nodes(workspace) == ["a:1", "b:2", "[2001:db8::1]:3"]


@pytest.mark.parametrize("value", ["a:1 b:2", "a:1,b:2", "a:1, b:2"])
def test_options_from_the_environment(workspace: Path, value: str) -> None:
    assert invoke(workspace, "", CAPTURE_BUILD_PRIMARY_NODES=value).exit_code == 0
    assert nodes(workspace) == ["a:1", "b:2"]


BAD_INPUT = {
    "no node": ("", "no primary node is given"),
    "node without a port": ("--primary-nodes a:1 b", "node 'b' has no port"),
    "only a comma": ("--primary-nodes ,", "node ',' has no port"),
    "no node after the =": ("--primary-nodes=", "node '' has no port"),
    "port 0": ("--primary-nodes a:0", "no valid port: '0'"),
    "port 65536": ("--primary-nodes a:65536", "no valid port: '65536'"),
    "port of other digits": ("--primary-nodes a:\u0663", "no valid port"),
    "IPv6 without brackets": ("--primary-nodes 2001:db8::1:9200", "IPv6 address without brackets"),
    "IPv6 without a port": ("--primary-nodes [2001:db8::1]", "has no port"),
    "repeated node": ("--primary-nodes a:1 A:1", "--primary-nodes: 'a:1' is given twice"),
    "repeated by a repeated flag": ("--primary-nodes a:1 --primary-nodes a:1", "'a:1' is given twice"),
    "shadow node that is a primary node": (
        "--primary-nodes a:1 --shadow-haproxy s:81 --shadow-image s --shadow-nodes a:1",
        "'a:1' is in both --primary-nodes and --shadow-nodes",
    ),
    "shadow HAProxy that is a primary node": (
        "--primary-nodes a:1 --shadow-haproxy a:1 --shadow-image s --shadow-nodes b:1",
        "'a:1' is in both --primary-nodes and --shadow-haproxy",
    ),
    "loop by name": ("--primary-nodes localhost:9200", "'localhost:9200' is the proxy itself"),
    "loop by IPv4": ("--primary-nodes 127.8.0.1:81 --internal-port 81", "'127.8.0.1:81' is the proxy itself"),
    "loop by IPv6": ("--primary-nodes [0:0::1]:9200", "'[::1]:9200' is the proxy itself"),
    "loop of the shadow": (
        "--primary-nodes a:1 --shadow-haproxy s:81 --shadow-image s --shadow-nodes localhost:9200",
        "--shadow-nodes: 'localhost:9200' is the proxy itself",
    ),
    "loop of the mirror": (
        "--primary-nodes a:1 --shadow-haproxy localhost:9200 --shadow-image s --shadow-nodes b:1",
        "--shadow-haproxy: 'localhost:9200' is the proxy itself",
    ),
    "invalid image": (
        f"{PRIMARY} --primary-image Haproxy",
        "--primary-image: 'Haproxy' is not a valid image name",
    ),
    "invalid base image": (
        f"{PRIMARY} --base-image a:b:c",
        "--base-image: 'a:b:c' is not a valid image name",
    ),
    "one name for both images": (
        f"{PRIMARY} {SHADOW} --primary-image docker.io/library/haproxy-shadow:latest",
        "--primary-image and --shadow-image are the same image",
    ),
    "base image as image": (f"{PRIMARY} --primary-image debian:trixie-slim", "are the same image"),
    "some shadow options": (
        f"{PRIMARY} --shadow-nodes b:1",
        "--shadow-haproxy and --shadow-image are missing",
    ),
    "another some": (f"{PRIMARY} --shadow-haproxy b:1 --shadow-image s", "--shadow-nodes is missing"),
    "internal port": (f"{PRIMARY} --internal-port 65536", "'--internal-port': 65536 is not in the range"),
    "internal port no number": (f"{PRIMARY} --internal-port x", "'--internal-port'"),
    "mirror agent": (f"{PRIMARY} --mirror-agent spoa", "'--mirror-agent': 'spoa' is not one of"),
    "spoa-mirror without its program": (
        f"{PRIMARY} {SHADOW} --mirror-agent spoa-mirror",
        "needs the program",
    ),
    "program without spoa-mirror": (
        f"{PRIMARY} {SHADOW} --spoa-mirror-binary /bin/true",
        "is given, but not used",
    ),
    "spoa-mirror without a shadow": (
        f"{PRIMARY} --mirror-agent spoa-mirror --spoa-mirror-binary /bin/true",
        "has nothing to mirror to",
    ),
    "missing program": (
        f"{PRIMARY} {SHADOW} --mirror-agent spoa-mirror --spoa-mirror-binary /nonexistent",
        "there is no file '/nonexistent'",
    ),
    "program that is a folder": (
        f"{PRIMARY} {SHADOW} --mirror-agent spoa-mirror --spoa-mirror-binary /usr",
        "'/usr' is not a file",
    ),
    "program that is not executable": (
        f"{PRIMARY} {SHADOW} --mirror-agent spoa-mirror --spoa-mirror-binary /etc/passwd",
        "'/etc/passwd' is not executable",
    ),
    "flag without a value": (
        "--primary-nodes --internal-port 80",
        "Option '--primary-nodes' requires an argument",
    ),
    "last flag without a value": (
        "--shadow-nodes a:1 --primary-nodes",
        "Option '--primary-nodes' requires an argument",
    ),
    "unknown option": (f"{PRIMARY} --primary-node a:1", "No such option '--primary-node'"),
    "argument": (f"x {PRIMARY}", "unexpected extra argument"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_told_in_a_line_and_a_hint_and_leaves_nothing(
    workspace: Path, arguments: str, message: str
) -> None:
    result = invoke(workspace, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hint.startswith("hint: ")
    assert len(hint) > len("hint: x")
    assert not workspace.parent.exists()


def test_nodes_on_the_loopback_of_different_containers_may_look_alike(workspace: Path) -> None:
    arguments = (
        "--primary-nodes localhost:1 --shadow-haproxy s:81 --shadow-image s --shadow-nodes localhost:1"
    )
    assert invoke(workspace, arguments).exit_code == 0


def test_the_program_of_the_mirror_agent_goes_into_the_primary(workspace: Path, tmp_path: Path) -> None:
    program = tmp_path / "spoa-mirror-1.2"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    arguments = f"{PRIMARY} {SHADOW} --mirror-agent spoa-mirror --spoa-mirror-binary {program}"
    assert invoke(workspace, arguments).exit_code == 0
    assert (workspace / "docker_config_primary/config/spoa-mirror").read_bytes() == b"\x7fELF"
    assert not (workspace / "docker_config_shadow/config/spoa-mirror").exists()


def test_without_an_engine_it_says_how_to_get_one_and_leaves_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    result = CliRunner().invoke(main, [*PRIMARY.split(), "--workspace", str(workspace)])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("error: no Docker engine answers at unix:///nonexistent.sock")
    assert "DOCKER_HOST" in result.stderr.splitlines()[1]
    assert not workspace.parent.exists()


def test_every_option_has_a_default_and_an_environment_variable_in_the_help() -> None:
    result = CliRunner().invoke(main, ["-h"], terminal_width=200)
    assert result.exit_code == 0
    options = result.stdout.partition("Options:")[2].partition("Example:")[0]
    for parameter in main.params:
        variable = f"CAPTURE_BUILD_{str(parameter.name).upper()}"
        text = options.partition(f"{parameter.opts[-1]} ")[2].partition("\n  -")[0]
        assert variable in text, parameter.name
        assert "default: " in text, parameter.name
    assert result.stdout.rstrip().endswith("./build_docker_images.py --traffic-gen-image traffic-gen")


def test_a_workspace_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    # Root may write everywhere, but nowhere behind a file.
    (tmp_path / "file").write_text("")
    result = invoke(tmp_path / "file" / "workspace", PRIMARY)
    assert (result.exit_code, result.stdout) == (2, "")
    problem, hint = result.stderr.splitlines()
    assert problem.startswith(f"error: --workspace: '{tmp_path}/file/workspace' can't be written: ")
    assert hint.startswith("hint: ")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(("value", "conditional"), [("needed", True), ("whole", False)])
def test_which_answers_are_captured_whole(workspace: Path, value: str, conditional: bool) -> None:
    assert invoke(workspace, f"{PRIMARY} --capture-responses {value}").exit_code == 0
    text = (workspace / "docker_config_primary/config/haproxy.cfg").read_text()
    assert ("whole_answer tee_up" in text) is conditional


def test_the_example_in_the_help_can_be_run(workspace: Path) -> None:
    text = (
        CliRunner()
        .invoke(main, ["-h"])
        .stdout.partition("./build_docker_images.py")[2]
        .partition("docker network")[0]
    )
    result = invoke(workspace, text.replace("\\\n", " "))
    assert result.exit_code == 0
    assert nodes(workspace) == ["host.docker.internal:9200", "host.docker.internal:9201"]


def test_the_traffic_generator_alone_needs_no_nodes(workspace: Path) -> None:
    result = invoke(workspace, "--traffic-gen-image traffic-gen")
    assert (result.exit_code, result.output) == (0, "")
    assert not workspace.exists()


def test_the_traffic_generator_beside_the_proxies(workspace: Path) -> None:
    result = invoke(workspace, f"{PRIMARY} --traffic-gen-image traffic-gen")
    assert result.stdout.splitlines()[0] == f"Copying Docker-related files to: {workspace}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--traffic-gen-image Traffic", "'Traffic' is not a valid image name"),
        ("--traffic-gen-image debian:bookworm-slim", "is another image of this build"),
        (f"{PRIMARY} --traffic-gen-image haproxy-primary:latest", "is another image of this build"),
        ("--traffic-gen-image t --shadow-image s", "no primary node is given"),
    ],
)
def test_a_traffic_generator_that_cannot_be(workspace: Path, arguments: str, message: str) -> None:
    result = invoke(workspace, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
