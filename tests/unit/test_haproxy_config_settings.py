"""The settings of a proxy: their checks, and their forms as JSON and environment variables."""

import dataclasses
import json
from typing import Any

import pytest

from agent.order_mode import ORDER_MODES
from haproxy_config.nodes import Node, parse_nodes
from haproxy_config.setting import SettingsError, setting_of
from haproxy_config.settings import ORDERS, ProxySettings, environment_name
from tests.unit.regenerate_golden import VARIANTS

SETTINGS = ProxySettings(
    role="primary", nodes=parse_nodes(["es1:9200"]), mirror_to=parse_nodes(["shadow:81"])
)
FIELDS = [field.name for field in dataclasses.fields(ProxySettings)]


def changed(**changes: Any) -> ProxySettings:
    return dataclasses.replace(SETTINGS, **changes)


def refused(**changes: Any) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        changed(**changes)
    assert "\n" not in str(raised.value)
    assert raised.value.hint
    return raised.value


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("port", 1, 65535),
        ("bufsize", 16384, 16 * 1024 * 1024),
        ("processing_timeout_ms", 1, 60_000),
        ("connect_timeout_s", 1, 3600),
        # HAProxy's times end at 2^31 ms, 24 days.
        ("client_timeout_s", 1, 2_000_000),
        ("head_timeout_s", 1, 2_000_000),
        ("server_timeout_s", 1, 2_000_000),
        ("drain_s", 1, 60),
        ("log_file_bytes", 64 * 1024, 4 * 1024**3 // 3),
        ("log_total_bytes", 3 * 256 * 1024**2, 1 << 44),
        ("pending_bytes", 1 << 20, 1 << 36),
        ("mirror_connections", 1, 4096),
        ("mirror_queue_bytes", 1 << 20, 1 << 36),
        ("mirror_deadline_s", 0.1, 86_400),
        ("capture_queue_bytes", 1 << 20, 1 << 36),
        ("tee_memory_bytes", 1 << 20, 1 << 36),
        # What fits HAProxy's buffer is recorded whole.
        ("body_bytes", 65536, 1 << 36),
        ("prefix_bytes", 1024, 1 << 20),
        ("cloudwatch_line_bytes", 16_384, 1_048_550),
        ("cloudwatch_flush_s", 1, 60),
        ("cloudwatch_spool_bytes", 2 << 20, 1 << 44),
        ("s3_interval_s", 10, 86_400),
    ],
)
def test_ranges(field: str, low: float, high: float) -> None:
    step = 0.01 if field == "mirror_deadline_s" else 1
    for value in (low, high):
        assert getattr(changed(**{field: value}), field) == value
    for value in (low - step, high + step, 0, -1, float("nan"), float("inf")):
        assert field in str(refused(**{field: value}))


@pytest.mark.parametrize("order", ["write-sets", "writes", "strict", "none"])
def test_orders(order: str) -> None:
    assert changed(order=order).order == order


def test_the_agent_knows_each_order_and_write_sets_is_the_usual_one() -> None:
    assert set(ORDERS) == set(ORDER_MODES)
    assert SETTINGS.order == "write-sets"


@pytest.mark.parametrize("order", ["", "write_sets", "STRICT"])
def test_another_order_is_refused_with_those_that_there_are(order: str) -> None:
    error = refused(order=order)
    assert str(error) == f"order is '{order}'"
    assert error.hint == "it is one of: write-sets, writes, strict, none"


def test_a_bucket_makes_s3_a_place_to_go_to() -> None:
    assert SETTINGS.sinks == ()
    assert changed(s3_url="s3://captures").sinks == ("s3",)
    both = changed(s3_url="s3://captures/a/b", offload=("s3", "cloudwatch"), s3_bytes_per_s=0)
    assert both.sinks == ("cloudwatch", "s3")


def test_the_spool_can_be_left_out() -> None:
    assert changed(spool_bytes=0).spool_bytes == 0
    for value in (-1, (1 << 44) + 1):
        assert "spool_bytes" in str(refused(spool_bytes=value))


def test_the_number_of_clients_may_be_left_to_the_container() -> None:
    assert changed(max_connections=0).max_connections == 0
    for value in (-1, 1_000_001):
        assert "max_connections" in str(refused(max_connections=value))


def test_every_number_has_a_range() -> None:
    for field in dataclasses.fields(ProxySettings):
        if field.type in (int, float):
            refused(**{field.name: 10**30})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role": "secondary"}, "role is 'secondary'"),
        ({"mirror_agent": "tee"}, "mirror_agent is 'tee'"),
        ({"nodes": ()}, "no node is given"),
        ({"log_path": "haproxy.log"}, "log_path is not absolute"),
        ({"log_path": "/var/log/"}, "log_path is not absolute"),
        ({"log_path": "/var/log/a\nb"}, "log_path is no name"),
        ({"log_path": "/var/log/\udc80"}, "log_path is no name"),
        ({"spool_dir": "spool"}, "spool_dir is not absolute"),
        ({"spool_dir": "/a\nb"}, "spool_dir is no name"),
        ({"offload": ("cloudwatch", "tape")}, "offload: there is no 'tape'"),
        ({"offload": ("cloudwatch", "cloudwatch")}, "offload: 'cloudwatch' is given twice"),
        ({"offload_region": "Frankfurt"}, "offload_region can't be 'Frankfurt'"),
        ({"cloudwatch_log_group": "a b"}, "cloudwatch_log_group can't be 'a b'"),
        ({"cloudwatch_log_stream": "a:b"}, "cloudwatch_log_stream can't be 'a:b'"),
        ({"cloudwatch_log_stream": "{host}"}, "cloudwatch_log_stream can't be '{host}'"),
        ({"cloudwatch_endpoint": "logs.example"}, "cloudwatch_endpoint can't be 'logs.example'"),
        ({"cloudwatch_retention_days": 2}, "cloudwatch_retention_days is 2"),
        ({"offload": ("s3",)}, "offload: s3_url is missing"),
        ({"s3_url": "captures/x"}, "s3_url can't be 'captures/x'"),
        ({"s3_url": "https://captures.s3.amazonaws.com/x"}, "s3_url can't be"),
        ({"s3_url": "s3://captures/a b"}, "s3_url can't be"),
        ({"s3_endpoint": "s3.example"}, "s3_endpoint can't be 's3.example'"),
        ({"s3_host": "a/b"}, "s3_host can't be 'a/b'"),
        ({"s3_storage_class": "cheap"}, "s3_storage_class can't be 'cheap'"),
        ({"s3_kms_key": "a key"}, "s3_kms_key can't be 'a key'"),
        ({"s3_bytes_per_s": 100}, "s3_bytes_per_s is 100"),
        ({"s3_bytes_per_s": -1}, "s3_bytes_per_s is -1"),
        ({"s3_keep_local_bytes": -1}, "s3_keep_local_bytes is -1"),
        ({"redact_headers": ("cookie:",)}, "redact_headers: 'cookie:'"),
        ({"redact_headers": ("",)}, "redact_headers: ''"),
        ({"body_bytes": 100_000, "bufsize": 131072}, "body_bytes is 100000, bufsize 131072"),
        ({"body_bytes": 100_000, "prefix_bytes": 100_001}, "prefix_bytes 100001"),
        ({"log_total_bytes": 1 << 28}, "log_total_bytes is 268435456, log_file_bytes 268435456"),
        (
            {"mirror_agent": "spoa-mirror", "mirror_to": parse_nodes(["a:1", "b:1"])},
            "one shadow HAProxy only",
        ),
        ({"nodes": (Node("es1", 9200),) * 2}, "node 'es1:9200' is given twice"),
        ({"mirror_to": (Node("shadow", 81),) * 2}, "shadow HAProxy 'shadow:81' is given twice"),
        ({"mirror_to": parse_nodes(["es1:9200"])}, "'es1:9200' is both a node and a shadow HAProxy"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    assert message in str(refused(**changes))


@pytest.mark.parametrize("field", ["nodes", "mirror_to"])
@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.0.0.2", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"]
)
def test_a_proxy_is_not_its_own_node(field: str, host: str) -> None:
    assert "the proxy itself" in str(refused(**{field: parse_nodes([f"{host}:9200"])}))
    changed(**{field: parse_nodes([f"{host}:9201"])})
    assert "the proxy itself" in str(refused(**{field: parse_nodes([f"{host}:8080"]), "port": 8080}))


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_json_there_and_back(settings: ProxySettings) -> None:
    # The key has a file of its own.
    assert ProxySettings.from_json(settings.to_json()) == dataclasses.replace(settings, mirror_key="")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{", "no JSON", "CAPTURE_"),
        ("[]", "no JSON object", "CAPTURE_"),
        ('{"role":"primary"}', "nodes is missing", "CAPTURE_"),
        ('{"nodes":["a:1"]}', "role is missing", "CAPTURE_"),
        (
            '{"role":"primary","nodes":["a:1"],"bufsiz":1}',
            "unknown setting 'bufsiz'",
            "did you mean 'bufsize'?",
        ),
        ('{"role":"primary","nodes":["a:1"],"zzz":1}', "unknown setting 'zzz'", "known settings: body_bytes"),
        ('{"role":"primary","nodes":["a:1"],"port":"9200"}', "port is '9200'", "a whole number"),
        ('{"role":"primary","nodes":["a:1"],"port":9200.5}', "port is 9200.5", "a whole number"),
        ('{"role":"primary","nodes":["a:1"],"port":true}', "port is True", "a whole number"),
        (
            '{"role":"primary","nodes":["a:1"],"mirror_deadline_s":"1"}',
            "mirror_deadline_s is '1'",
            "a number",
        ),
        ('{"role":"primary","nodes":["a:1"],"log_path":null}', "log_path is None", "a string"),
        ('{"role":"primary","nodes":"a:1"}', "nodes is 'a:1'", "a list of HOST:PORT strings"),
        ('{"role":"primary","nodes":["a"]}', "node 'a' has no port", "a:9200"),
        (
            '{"role":"primary","nodes":["a:1"],"redact_headers":[1]}',
            "redact_headers is [1]",
            "a list of strings",
        ),
        ('{"role":"primary","nodes":["a:1"],"port":0}', "port is 0", "from 1 to 65535"),
    ],
)
def test_json_that_cant_be_used(text: str, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        ProxySettings.from_json(text)
    assert message in str(raised.value)
    assert hint in raised.value.hint


def test_a_whole_number_will_do_for_a_fraction() -> None:
    assert (
        ProxySettings.from_json('{"role":"shadow","nodes":["a:1"],"mirror_deadline_s":2}').mirror_deadline_s
        == 2
    )


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("CAPTURE_NODES", "a:1 b:2", "nodes", parse_nodes(["a:1", "b:2"])),
        ("CAPTURE_NODES", " a:1,b:2 ,\t[::1]:3\n", "nodes", parse_nodes(["a:1", "b:2", "[::1]:3"])),
        ("CAPTURE_SHADOW_HAPROXY", "s:81,t:81", "mirror_to", parse_nodes(["s:81", "t:81"])),
        ("CAPTURE_SHADOW_HAPROXY", "", "mirror_to", ()),
        ("CAPTURE_PORT", "8080", "port", 8080),
        ("CAPTURE_MIRROR_AGENT", "spoa-mirror", "mirror_agent", "spoa-mirror"),
        ("CAPTURE_MIRROR_DEADLINE_S", "0.5", "mirror_deadline_s", 0.5),
        ("CAPTURE_LOG_PATH", "/data/x.log", "log_path", "/data/x.log"),
        (
            "CAPTURE_REDACT_HEADERS",
            "Authorization, X-Secret",
            "redact_headers",
            ("Authorization", "X-Secret"),
        ),
        ("CAPTURE_REDACT_HEADERS", "", "redact_headers", ()),
        ("CAPTURE_TEE_MEMORY_BYTES", "1048576", "tee_memory_bytes", 1048576),
        ("CAPTURE_SPOOL_BYTES", "0", "spool_bytes", 0),
        ("CAPTURE_SPOOL_DIR", "/spool", "spool_dir", "/spool"),
        ("CAPTURE_OFFLOAD", "cloudwatch", "offload", ("cloudwatch",)),
        (
            "CAPTURE_CLOUDWATCH_ENDPOINT",
            "http://10.0.0.1:5000",
            "cloudwatch_endpoint",
            "http://10.0.0.1:5000",
        ),
        ("CAPTURE_OFFLOAD_REGION", "us-gov-west-1", "offload_region", "us-gov-west-1"),
    ],
)
def test_environment(variable: str, text: str, field: str, value: object) -> None:
    assert SETTINGS.with_environment({variable: text, "PATH": "/bin"}) == changed(**{field: value})


def test_every_setting_but_the_role_has_a_variable() -> None:
    tuned = VARIANTS["primary_tuned"]
    environment = {}
    for name in FIELDS:
        value = getattr(tuned, name)
        environment[environment_name(name)] = (
            " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        )
    assert SETTINGS.with_environment(environment) == tuned
    assert SETTINGS.with_environment({"CAPTURE_ROLE": "shadow"}).role == "primary"


def test_an_environment_without_our_variables_changes_nothing() -> None:
    assert SETTINGS.with_environment({"PORT": "1", "capture_port": "1"}) is SETTINGS


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("CAPTURE_PORT", "http", "CAPTURE_PORT is not a number: 'http'"),
        ("CAPTURE_PORT", "", "CAPTURE_PORT is not a number: ''"),
        ("CAPTURE_PORT", "1.5", "CAPTURE_PORT is not a number: '1.5'"),
        ("CAPTURE_PORT", "0", "port is 0"),
        ("CAPTURE_MIRROR_DEADLINE_S", "nan", "mirror_deadline_s is nan"),
        ("CAPTURE_NODES", "", "no node is given"),
        ("CAPTURE_NODES", "a:1 a:1", "node 'a:1' is given twice"),
        ("CAPTURE_NODES", "a", "node 'a' has no port"),
        ("CAPTURE_NODES", "localhost:9200", "the proxy itself"),
    ],
)
def test_an_environment_that_cant_be_used(variable: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        SETTINGS.with_environment({variable: text})
    assert message in str(raised.value)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("CAPTURE_NODE", "did you mean CAPTURE_NODES?"),
        ("CAPTURE_BUFSIZ", "did you mean CAPTURE_BUFSIZE?"),
        ("CAPTURE_MIRROR_TO", "did you mean CAPTURE_SHADOW_HAPROXY?"),
        ("CAPTURE_QUEUE_BYTES", "did you mean CAPTURE_CAPTURE_QUEUE_BYTES?"),
        ("CAPTURE_LOG_FILE_BYTE", "did you mean CAPTURE_LOG_FILE_BYTES?"),
    ],
)
def test_a_slip_in_a_variables_name_is_refused(variable: str, hint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        SETTINGS.with_environment({variable: "x"})
    assert variable in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    "variable",
    [
        "CAPTURE_CONFIG_DIR",
        "CAPTURE_RUNTIME_DIR",
        "CAPTURE_NOTIFY",
        "CAPTURE_SERVICE_HOST",
        "CAPTURE_PORT_9200_TCP_ADDR",
    ],
)
def test_other_variables_with_our_prefix_are_left_alone(variable: str) -> None:
    assert SETTINGS.with_environment({variable: "x"}) is SETTINGS


def test_every_field_is_documented() -> None:
    assert all(len(setting_of(field).meaning) > 10 for field in dataclasses.fields(ProxySettings))


def test_settings_json_is_for_readers_too() -> None:
    read = json.loads(SETTINGS.to_json())
    assert list(read) == [name for name in FIELDS if name != "mirror_key"]
    assert (read["nodes"], read["mirror_to"]) == (["es1:9200"], ["shadow:81"])
