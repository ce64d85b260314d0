"""What a demo says, and what it reads from the logs."""

import json
from typing import Any

import pytest

from capture.console import Verbosity
from capture.demo.endpoints import endpoints
from capture.demo.examples import DOCUMENT, examples, guide
from capture.demo.logs import answer_of, behind_ms, newest, parse_log, short, summary, with_id
from capture.demo.plan import make_plan
from capture.demo.proxy_images import build_environment
from capture.demo.settings import DemoSettings
from capture.demo.transcript import Transcript

PLAN = make_plan(DemoSettings())


def test_the_commands_are_those_that_users_know() -> None:
    assert [example.command for example in examples(PLAN)] == [
        "curl -X GET 'localhost:80'",
        "curl -X GET 'localhost:80/_cat/nodes?v=true&pretty'",
        """curl -X PUT 'localhost:80/noldor/_doc/1' -H 'Content-Type: application/json' -d '{"name": "Finwe"}'""",
        "curl -X GET 'localhost:80/noldor/_doc/1'",
        "curl -X GET 'localhost:9203/noldor/_doc/1'",
    ]
    assert [json.loads(example.body) for example in examples(PLAN) if example.body] == [DOCUMENT]
    assert not examples(PLAN)[-1].mirrored


def test_the_guide_says_what_runs_where_and_how_it_ends() -> None:
    text = guide(PLAN, "7.10.2", None, "Press RETURN")
    for words in (
        "127.0.0.1:80", "ES 7.10.2 cluster of two nodes, each in its own container", "/var/log/haproxy-traffic.log",
        "mirrored to an identical", "docker exec haproxy-primary tail -n 1 /var/log/haproxy-traffic.log",
        *(example.command for example in examples(PLAN)),
    ):  # fmt: skip
        assert words in text
    assert text.endswith("Press RETURN")
    assert "DOCKER_HOST" not in text
    assert max(map(len, text.splitlines())) <= 110


def test_another_terminal_is_told_where_the_engine_is() -> None:
    assert "export DOCKER_HOST='unix:///a b.sock'" in guide(PLAN, "7.10.2", "unix:///a b.sock", "")


@pytest.mark.parametrize(
    ("nodes", "words"), [(1, "of one node"), (3, "of three nodes"), (9, "of nine nodes")]
)
def test_the_guide_counts_the_nodes(nodes: int, words: str) -> None:
    assert words in guide(make_plan(DemoSettings(nodes=nodes)), "7.10.2", None, "")


def test_endpoints_are_one_line_of_json() -> None:
    line = endpoints(PLAN, "127.0.0.1", "unix:///run/docker.sock")
    assert "\n" not in line
    read = json.loads(line)
    assert read["primary"] == {
        "cluster": "primary-cluster",
        "haproxy": "http://127.0.0.1:80",
        "haproxy_container": "haproxy-primary",
        "nodes": ["http://127.0.0.1:9200", "http://127.0.0.1:9201"],
        "node_containers": ["primary-cluster-node-1", "primary-cluster-node-2"],
    }
    assert read["shadow"]["haproxy"] == "http://127.0.0.1:81"
    assert read["clean"] == "./demo_haproxy.py --clean"


def test_a_programs_stdout_has_no_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    Transcript(Verbosity.QUIET, for_program=True).result("Creating primary cluster...")
    Transcript(Verbosity.QUIET).result("to the user")
    captured = capsys.readouterr()
    assert captured.out == "to the user\n"
    assert captured.err == "Creating primary cluster...\n"


def test_settings_of_the_build_don_t_change_what_the_command_line_says() -> None:
    environment = {
        "CAPTURE_BUILD_DRY_RUN": "1",
        "CAPTURE_BUILD_WORKSPACE": "/x",
        "CAPTURE_BUILD_BASE_IMAGE": "b",
        "PATH": "/bin",
    }
    kept = {"CAPTURE_BUILD_BASE_IMAGE": "b", "PATH": "/bin"}
    assert build_environment(environment) == kept
    assert build_environment(environment, verbose=True) == {**kept, "CAPTURE_BUILD_VERBOSE": "1"}


def entry(
    identifier: str, target: str, *, at: str = "10:00:00.000000", method: str = "GET"
) -> dict[str, Any]:
    return {
        "_id": identifier,
        "_cluster": "primary",
        "startedDateTime": f"2026-11-24T{at}Z",
        "time": 1.5,
        "request": {
            "method": method,
            "url": f"http://127.0.0.1:80{target}",
            "headers": [{"name": "a", "value": "b"}],
        },
        "response": {"status": 200, "headers": [], "content": {"size": 2, "text": "ok"}},
    }


def test_a_line_that_is_still_being_written_is_left_out() -> None:
    whole = json.dumps(entry("1", "/")).encode()
    assert [line["_id"] for line in parse_log(whole + b"\n" + whole[:20])] == ["1"]
    assert parse_log(b"") == []


def test_the_line_of_a_request_is_found_among_the_new_ones() -> None:
    log = [entry("1", "/"), entry("2", "/a?b=c"), entry("3", "/", method="PUT"), entry("4", "/a")]
    assert newest(log, 0, "GET", "") == log[0]
    assert newest(log, 1, "GET", "") is None
    assert newest(log, 1, "GET", "/a?b=c") == log[1]
    assert with_id(log, "3") == log[2]
    assert with_id(log, "5") is None
    assert answer_of(log[0]).body == "ok"


def test_how_far_the_shadow_is_behind() -> None:
    assert behind_ms(entry("1", "/"), entry("1", "/", at="10:00:00.012500")) == 12.5


def test_a_line_is_shown_short() -> None:
    long = entry("1", "/")
    long["response"]["content"]["text"] = "x" * 1000
    shown = json.loads(short(long))
    assert shown["request"] == {"method": "GET", "url": "http://127.0.0.1:80/"}
    assert len(shown["response"]["content"]["text"]) < 200


def test_the_summary_is_one_line() -> None:
    primary = {"captured": 4, "mirrored": 4, "waiting_for_shadow": 0}
    assert summary(primary, {"captured": 4}, 3.14) == (
        "Captured: 4 transactions at the primary, 4 at the shadow. Mirrored: 4 of 4. "
        "The shadow is 0 requests behind; it got the last one 3.1 ms after the primary."
    )
