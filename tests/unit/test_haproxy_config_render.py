"""The rendered files: golden ones, and what the parts of the system must agree on."""

import dataclasses
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest

from agent.messages import REQUEST_ARGUMENTS, RESPONSE_ARGUMENTS
from agent.settings import AgentSettings
from haproxy_config import at_start
from haproxy_config.nodes import parse_nodes
from haproxy_config.render import KEY_FILE, TEMPLATES, haproxy_word, render_files, write_files
from haproxy_config.setting import SettingsError
from haproxy_config.settings import OFFLOAD, ProxySettings
from offload.credentials import CREDENTIALS, PROFILES
from offload.settings import OffloadSettings
from offload.sinks import SINKS
from service.settings_file import read_settings
from tee.settings import TeeSettings
from tests.unit.regenerate_golden import GOLDEN, KEY, VARIANTS

PRIMARY = VARIANTS["primary_with_mirror"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_golden_files(variant: str) -> None:
    golden = {file.name: file.read_text("utf-8") for file in (GOLDEN / variant).iterdir()}
    assert render_files(VARIANTS[variant]) == golden, (
        "run python -m tests.unit.regenerate_golden, read the difference"
    )


def test_many_parts_of_paths_are_no_line_of_more_words_than_haproxy_takes() -> None:
    parts = tuple(f"/_part{number}" for number in range(120))
    config = render_files(dataclasses.replace(PRIMARY, whole_answers=parts))["haproxy.cfg"]
    lines = [
        line.split() for line in config.splitlines() if line.split()[1:3] == ["whole_answer", "path_sub"]
    ]
    assert [part for line in lines for part in line[3:]] == list(parts)
    # Its bound (MAX_LINE_ARGS).
    assert max(map(len, lines)) <= 64


def test_there_is_no_other_golden_folder() -> None:
    assert {folder.name for folder in GOLDEN.iterdir()} == set(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_file_names_its_template(variant: str) -> None:
    for name, text in render_files(VARIANTS[variant]).items():
        if name.endswith(".json"):
            # It has no comments.
            json.loads(text)
            continue
        if name == KEY_FILE:
            # The agent and the start script take all of it for the key.
            assert text == f"{KEY}\n"
            continue
        assert text.splitlines()[0].startswith(
            f"# Rendered by Cluster Traffic Capture from templates/{name}.j2"
        )
        assert text.endswith("\n")
        assert all(line == line.rstrip() for line in text.splitlines())
        # Mistakes of a template that renders all the same.
        assert not re.search(r"\{\{|\{%|None|True|False|Undefined", text)


def spoe_arguments(text: str, message: str) -> tuple[bytes, ...]:
    found = re.search(rf"^spoe-message {message}\n    args (.*)$", text, re.MULTILINE)
    assert found
    return tuple(argument.partition("=")[0].encode() for argument in found[1].split())


@pytest.mark.parametrize(
    ("message", "arguments"), [("request", REQUEST_ARGUMENTS), ("response", RESPONSE_ARGUMENTS)]
)
def test_haproxy_sends_what_the_agent_reads(message: str, arguments: tuple[bytes, ...]) -> None:
    assert spoe_arguments(render_files(PRIMARY)["capture.spoe.cfg"], message) == arguments


def test_haproxy_sends_what_spoa_mirror_reads() -> None:
    text = render_files(VARIANTS["primary_with_spoa_mirror"])["mirror.spoe.cfg"]
    assert spoe_arguments(text, "mirror") == (
        b"arg_method",
        b"arg_path",
        b"arg_ver",
        b"arg_hdrs",
        b"arg_body",
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "a b",
        "a\tb",
        "a\nb",
        "a\rb",
        "a#b",
        "a'b",
        'a"b',
        "a\\b",
        "a$b",
        "${X}",
        "a\0b",
        "a\x7fb",
        "a\u00a0b",
        "a\u2028b",
    ],
)
def test_what_haproxy_would_misread_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="HAProxy would misread") as raised:
        haproxy_word(value)
    assert "\n" not in str(raised.value)
    assert raised.value.hint


@pytest.mark.parametrize("value", ["es1:9200", "[2001:db8::1]:9200", "a_b-c.d", 9200])
def test_other_words_pass(value: object) -> None:
    assert haproxy_word(value) == str(value)


def test_addresses_go_through_that_filter() -> None:
    nodes = parse_nodes(["es1:9200"])
    object.__setattr__(nodes[0], "host", "es1 backup # ")
    with pytest.raises(SettingsError, match="HAProxy would misread"):
        render_files(dataclasses.replace(PRIMARY, nodes=nodes))


def test_an_unknown_name_in_a_template_is_an_error(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "agent.toml.j2").open("a") as file:
        file.write("{{ unknown_name }}\n")
    with pytest.raises(jinja2.UndefinedError, match="unknown_name"):
        render_files(PRIMARY, tmp_path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_agent_reads_its_settings(variant: str, tmp_path: Path) -> None:
    settings = VARIANTS[variant]
    file = tmp_path / "agent.toml"
    file.write_text(render_files(settings)["agent.toml"], "utf-8")
    read = read_settings(file, AgentSettings)
    built_in = settings.mirror_agent == "built-in"
    assert read.cluster == settings.role
    assert read.mirror_to == (tuple(map(str, settings.mirror_to)) if built_in else ())
    # HAProxy's maxrewrite is not for messages.
    assert read.message_bytes == settings.bufsize - 1024
    assert read.unanswered_s == settings.client_timeout_s + settings.server_timeout_s
    same = {field.name for field in dataclasses.fields(AgentSettings)} & {
        field.name for field in dataclasses.fields(ProxySettings)
    }
    assert len(same) == 14
    for name in same - {"mirror_to"}:
        assert getattr(read, name) == getattr(settings, name)


@pytest.mark.parametrize("name", ['"', "\\", "é", "\U0001f600", "]", "'''", "${X}"])
def test_odd_names_reach_the_agent(name: str, tmp_path: Path) -> None:
    settings = dataclasses.replace(PRIMARY, log_path=f"/var/log/{name}.log")
    file = tmp_path / "agent.toml"
    file.write_text(render_files(settings)["agent.toml"], "utf-8")
    assert read_settings(file, AgentSettings).log_path == settings.log_path
    assert tomllib.loads(file.read_text("utf-8"))["log_path"] == settings.log_path


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_tee_reads_its_settings(variant: str, tmp_path: Path) -> None:
    settings = VARIANTS[variant]
    file = tmp_path / "tee.toml"
    file.write_text(render_files(settings)["tee.toml"], "utf-8")
    read = read_settings(file, TeeSettings)
    assert read.memory_bytes == settings.tee_memory_bytes
    assert (read.spool_bytes, read.drain_s) == (settings.spool_bytes, settings.drain_s)
    # Nobody but the mirror waits behind the shadow's.
    assert read.room_wait_s == {"primary": 0.1, "shadow": 10.0}[settings.role]


@pytest.mark.parametrize(
    ("log_path", "spool_dir", "expected"),
    [
        ("/var/log/haproxy-traffic.log", "", "/var/log"),
        ("/x.log", "", "/"),
        ("/var/log/haproxy-traffic.log", '/spool "1"', '/spool "1"'),
    ],
)
def test_the_spool_lies_beside_the_log_unless_told_otherwise(
    tmp_path: Path, log_path: str, spool_dir: str, expected: str
) -> None:
    file = tmp_path / "tee.toml"
    settings = dataclasses.replace(PRIMARY, log_path=log_path, spool_dir=spool_dir)
    file.write_text(render_files(settings)["tee.toml"], "utf-8")
    assert read_settings(file, TeeSettings).spool_dir == expected


@pytest.mark.parametrize("log_path", ["/var/log/haproxy-traffic.log", '/data/a "b".log', "/data/log"])
def test_the_offload_reads_its_settings(log_path: str, tmp_path: Path) -> None:
    settings = dataclasses.replace(VARIANTS["primary_tuned"], log_path=log_path, cloudwatch_log_group="")
    files = render_files(settings)
    file = tmp_path / "offload.toml"
    file.write_text(files["offload.toml"], "utf-8")
    read = read_settings(file, OffloadSettings)
    assert (read.cluster, read.sinks, read.log_path) == ("primary", settings.sinks, log_path)
    assert read.directory == log_path.removesuffix(".log") + ".offload"
    assert read.cloudwatch_log_group == "/cluster-traffic-capture/primary"
    logs = json.loads(files["cloudwatch-agent.json"])["logs"]
    followed = logs["logs_collected"]["files"]["collect_list"]
    assert [entry["file_path"] for entry in followed] == [
        f"{read.directory}/cloudwatch/{parity}.*.log" for parity in ("odd", "even")
    ]
    assert {entry["log_group_name"] for entry in followed} == {read.cloudwatch_log_group}
    assert tomllib.loads(files["common-config.toml"])["credentials"] == {
        "shared_credential_profile": PROFILES[1],
        "shared_credential_file": str(CREDENTIALS),
    }


def test_the_offload_is_configured_where_it_is_wanted() -> None:
    assert tuple(SINKS) == OFFLOAD
    assert not {"offload.toml", "cloudwatch-agent.json"} & render_files(PRIMARY).keys()


@pytest.mark.parametrize(
    ("offload", "url", "ledgers", "interval_s"),
    [
        ((), "", (), 0),
        # Only files that are in S3 are removed for that.
        (("cloudwatch",), "", (), 0),
        ((), "s3://captures", ("s3",), 3600),
        (("cloudwatch",), "s3://captures", ("cloudwatch", "s3"), 3600),
    ],
)
def test_the_agent_is_told_who_takes_files(
    offload: tuple[str, ...], url: str, ledgers: tuple[str, ...], interval_s: float, tmp_path: Path
) -> None:
    files = render_files(dataclasses.replace(PRIMARY, offload=offload, s3_url=url))
    assert ("offload.toml" in files) == bool(offload or url)
    file = tmp_path / "agent.toml"
    file.write_text(files["agent.toml"], "utf-8")
    read = read_settings(file, AgentSettings)
    assert read.offload_ledgers == tuple(f"/var/log/haproxy-traffic.offload/{name}.json" for name in ledgers)
    assert read.offload_dir == "/var/log/haproxy-traffic.offload"
    assert read.log_interval_s == interval_s


def test_no_setting_is_without_effect() -> None:
    tuned = VARIANTS["primary_tuned"]
    for field in dataclasses.fields(ProxySettings):
        # The second is settled with what the container allows (haproxy_config/at_start.py).
        if field.name in ("mirror_agent", "max_connections"):
            continue
        of_offload = field.name.startswith(("offload_", "cloudwatch_", "s3_"))
        offloaded = dataclasses.replace(PRIMARY, offload=OFFLOAD, s3_url="s3://elsewhere")
        settings = offloaded if of_offload else PRIMARY
        changes: dict[str, Any] = {
            field.name: "shadow" if field.name == "role" else getattr(tuned, field.name)
        }
        changed = dataclasses.replace(settings, **changes)
        assert render_files(changed) != render_files(settings), f"{field.name} changes no file"


def test_names_are_resolved_and_addresses_are_not() -> None:
    section = render_files(PRIMARY)["haproxy.cfg"].partition("listen clients")[2].partition("\nbackend ")[0]
    servers = [line.split() for line in section.splitlines() if line.startswith("    server node")]
    assert [words[1:] for words in servers] == [
        ["node1", "es-1.example:9200", "resolvers", "system"],
        ["node2", "192.0.2.10:9200"],
        ["node3", "[2001:db8::10]:9200"],
    ]


def test_no_rule_ends_a_clients_slow_body() -> None:
    # `option http-buffer-request` puts timeout http-request on the body; wait-for-body's own limit is an absolute one.
    text = render_files(PRIMARY)["haproxy.cfg"]
    assert "option http-buffer-request" not in text
    # Without the second line kept connections would be closed after the first one's time.
    assert re.findall(r"timeout http-\S+ \S+", text) == [
        "timeout http-request 3600s",
        "timeout http-keep-alive 3600s",
    ]
    assert set(re.findall(r"wait-for-body time (\S+)", text)) == {"24d"}


# At the start of a container


@pytest.fixture
def baked(tmp_path: Path) -> Path:
    """What an image carries."""
    folder = tmp_path / "baked"
    folder.mkdir()
    write_files(folder, render_files(PRIMARY))
    (folder / "settings.json").write_text(PRIMARY.to_json(), "utf-8")
    return folder


def test_an_image_starts_from_what_it_carries(baked: Path, tmp_path: Path) -> None:
    same = {"CAPTURE_PORT": "9200", "CAPTURE_CONFIG_DIR": str(baked)}
    assert at_start.configuration(baked, tmp_path, same) == (baked, PRIMARY)
    assert not (tmp_path / "config").exists()


def test_the_environment_renders_it_anew(baked: Path, tmp_path: Path) -> None:
    changed, settings = at_start.configuration(
        baked, tmp_path, {"CAPTURE_NODES": "other:9200", "CAPTURE_LOG_PATH": "/é.log"}
    )
    assert changed == tmp_path / "config"
    wanted = dataclasses.replace(PRIMARY, nodes=parse_nodes(["other:9200"]), log_path="/é.log")
    assert settings == wanted
    assert {file.name: file.read_text("utf-8") for file in changed.iterdir()} == render_files(wanted)


def test_spoa_mirror_is_refused_where_the_image_has_none(baked: Path, tmp_path: Path) -> None:
    environment = {"CAPTURE_MIRROR_AGENT": "spoa-mirror", "CAPTURE_SHADOW_HAPROXY": "shadow:81"}
    with pytest.raises(SettingsError, match="does not carry spoa-mirror"):
        at_start.configuration(baked, tmp_path, environment)
    (baked / "spoa-mirror").touch()
    assert (at_start.configuration(baked, tmp_path, environment)[0] / "mirror.spoe.cfg").exists()


OTHER_KEY = "another-key-9876543210"


def test_the_key_is_in_one_file_alone_and_its_owner_reads_it(tmp_path: Path) -> None:
    for settings in (PRIMARY, VARIANTS["shadow"]):
        folder = tmp_path / settings.role
        folder.mkdir()
        write_files(folder, {**render_files(settings), "settings.json": settings.to_json()})
        assert [file.name for file in folder.iterdir() if KEY in file.read_text()] == [KEY_FILE]
        assert (folder / KEY_FILE).stat().st_mode & 0o077 == 0
        assert KEY not in repr(settings)


def test_the_environment_or_a_mounted_file_has_another_key(baked: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "key"
    mounted.write_text(f"{OTHER_KEY}\n")
    for name, value in {"CAPTURE_MIRROR_KEY": OTHER_KEY, "CAPTURE_MIRROR_KEY_FILE": str(mounted)}.items():
        folder, settings = at_start.configuration(baked, tmp_path, {name: value})
        assert settings == dataclasses.replace(PRIMARY, mirror_key=OTHER_KEY)
        assert (folder / KEY_FILE).read_text() == f"{OTHER_KEY}\n"
        shutil.rmtree(folder)
    folder, _ = at_start.configuration(baked, tmp_path, {"CAPTURE_MIRROR_KEY": ""})
    assert not (folder / KEY_FILE).exists()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"CAPTURE_MIRROR_KEY": "short"}, "mirror_key is no key, with 5 characters"),
        ({"CAPTURE_MIRROR_KEY": f"{OTHER_KEY}\n#"}, "mirror_key is no key"),
        ({"CAPTURE_MIRROR_KEY_FILE": "/nonexistent"}, "/nonexistent can't be read: No such file"),
        ({"CAPTURE_MIRROR_KEY_FILE": "/dev/null"}, "/dev/null is empty"),
        ({"CAPTURE_MIRROR_KEY_FILE": "/dev/null", "CAPTURE_MIRROR_KEY": OTHER_KEY}, "both set"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_unseen(
    environment: dict[str, str], message: str, baked: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        at_start.configuration(baked, tmp_path, environment)
    assert "\n" not in str(raised.value)
    assert environment.get("CAPTURE_MIRROR_KEY", "another") not in str(raised.value) + raised.value.hint


def test_the_start_scripts_view(
    baked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAPTURE_CONFIG_DIR", str(baked))
    monkeypatch.setenv("CAPTURE_RUNTIME_DIR", str(tmp_path))
    at_start.main()
    captured = capsys.readouterr()
    assert captured.out == f"{baked}\n"
    assert re.fullmatch(r"capture: at most \d+ clients are connected at once, as .*\n", captured.err)
    assert (tmp_path / "connections.env").read_text().startswith("export CAPTURE_ALL_CONNECTIONS=")
    monkeypatch.setenv("CAPTURE_PORT", "none")
    with pytest.raises(SystemExit) as raised:
        at_start.main()
    assert raised.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert (
        captured.err == "capture: CAPTURE_PORT is not a number: 'none'. Hint: set CAPTURE_PORT to a number\n"
    )
