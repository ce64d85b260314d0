"""The capture log as real traffic writes it: valid, truthful, without secrets, and rotated without loss."""

import base64
import datetime
import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import zstandard

from benchmarks.ours import CapturingProxy
from capture.engine import Engine
from tests.integration.fidelity_cases import cases
from tests.integration.fidelity_client import attempt
from tests.integration.har_rules import violations
from tests.integration.load_client import Load, run_load
from tests.integration.proxies import Images, Proxy, RunProxy
from tests.integration.raw_client import RawClient, Request
from tests.integration.recording_server import LoopThread, RecordingServer
from tests.integration.rig import (
    PATIENT,
    Entry,
    Rig,
    Setting,
    entries_of,
    open_rig,
    poll,
    status_of,
    unpacked,
    whole_log,
)

SCHEMA = Path(__file__).parents[2] / "record" / "schema" / "har_entry.schema.json"

# Traffic of every kind, but for what takes long to send or to look at.
CASES = [case for case in cases() if not case.slow and not case.large]

SECRET = "s3cr3t-token"
BODY_MARK = "mark-of-a-body"


@pytest.fixture(scope="module")
def rig(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[Rig]:
    setting = Setting(docker_engine, images, network, session_id)
    with open_rig(setting, env={"CAPTURE_MIRROR_DEADLINE_S": "2", **PATIENT}) as rig:
        yield rig


@pytest.fixture(scope="module")
def lines(rig: Rig) -> list[bytes]:
    """The lines of both logs after traffic of every kind."""
    for case in CASES:
        attempt(rig.primary.address, case)
    troubled = [
        Request(answer="vanish=1"),
        Request(answer="size=50 cut=5"),
        Request(answer="size=400000 cut=300000"),
        Request("POST", body=b"x" * 200_000),
        Request("POST", body=b"\xff" * 200_000, framing="chunked", chunk_sizes=(9000,) * 20),
        Request("POST", body=gzip.compress(bytes(range(256)) * 2000, 0), lines=[b"Content-Encoding: gzip"]),
        Request(answer="size=300000"),
        Request(answer="size=300000 binary=1 framing=chunked pieces=9"),
        Request(answer="size=300000 gzip=1"),
        Request("POST", body=b"{}", answer="early=1 status=413", lines=[b"Expect: 100-continue"]),
    ]
    for request in troubled:
        with RawClient(rig.primary.address) as client:
            client.exchange(request)
    with RawClient(rig.primary.address) as client:
        client.send(Request("PUT", b"/gone", body=b"x" * 100).wire[:-50])
    rig.primary_node.refuse()
    with RawClient(rig.primary.address) as client:
        client.exchange(Request("GET", b"/refused"))
    rig.primary_node.listen()

    def settled() -> bool:
        status = status_of(rig.primary)
        return (
            not (
                status["open_transactions"]
                or status["waiting_for_shadow"]
                or status["waiting_for_disk_bytes"]
            )
            and status["captured"] == status["transactions"] >= len(CASES) + len(troubled) + 2
        )

    poll("all to be captured", settled, 30, 0.1)
    mirrored = status_of(rig.primary)["mirrored"]
    poll("the shadow's", lambda: status_of(rig.shadow)["captured"] >= mirrored)
    return rig.primary.log_lines() + rig.shadow.log_lines()


def test_lines_are_valid_by_the_schema(lines: list[bytes]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.check_schema(validator.schema)
    wrong = [
        (error.json_path, error.message[:200])
        for line in lines
        for error in validator.iter_errors(json.loads(line))
    ]
    assert wrong == []


def test_lines_are_valid_by_hars_own_rules(lines: list[bytes]) -> None:
    assert len(lines) > 2 * len(CASES)
    wrong = [
        (entry["request"]["url"][:80], words)
        for line in lines
        for entry in [json.loads(line)]
        for words in violations(entry)
    ]
    assert wrong == []


def test_lines_are_utf_8_without_control_characters(lines: list[bytes]) -> None:
    for line in lines:
        assert not re.search(r"[\x00-\x1f\x7f]", line.decode())


def entry_about(rig: Rig, request: Request) -> Entry:
    """Have a request answered, and read the primary's entry about it."""
    with RawClient(rig.primary.address) as client:
        client.exchange(request)
    return poll("the entry", lambda: next(iter(entries_of(rig.primary, request.case)), None))


def test_credentials_are_redacted_and_nowhere_else(rig: Rig) -> None:
    names = [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-Api-Key",
        "X-Amz-Security-Token",
        "ES-Secondary-Authorization",
        "ES-Client-Authentication",
        "X-Client-Authentication",
        "ES-Secondary-X-Client-Authentication",
    ]
    request = Request(
        "GET",
        b"/i",
        [f"{name}: {SECRET}".encode() for name in [*names, "AUTHORIZATION"]],
        answer=f"lines=Set-Cookie:sid={SECRET}|set-cookie:b={SECRET}",
    )
    # The node's answer is asked for in a header, which shows the cookies: nothing hides what is not known to be a secret.
    (primary,), (shadow,) = exchange_and_entries(rig, request)
    for entry in (primary, shadow):
        shown = {h["name"]: h["value"] for h in entry["request"]["headers"]}
        assert {shown[name.lower()] for name in names} == {"[redacted]"}
        cookies = [h["value"] for h in entry["response"]["headers"] if h["name"] == "set-cookie"]
        assert cookies == ["[redacted]"] * 2
        assert entry["request"]["cookies"] == entry["response"]["cookies"] == []
        without_order = [h for h in entry["request"]["headers"] if h["name"] != "x-answer"]
        assert SECRET not in json.dumps([without_order, entry["response"]])
    # The node and the shadow's get them as they are.
    for node in (rig.primary_node, rig.shadow_node):
        (recorded,) = node.by_case(request.case)
        assert recorded.values("authorization") == [SECRET.encode()] * 2


def exchange_and_entries(rig: Rig, request: Request) -> tuple[list[Entry], list[Entry]]:
    """Have a request answered, and read the entries of both logs."""
    with RawClient(rig.primary.address) as client:
        client.exchange(request)
    return rig.entries(request.case)


def test_credentials_are_shown_when_asked_for(run_proxy: RunProxy, rig: Rig) -> None:
    proxy = run_proxy("primary", [rig.primary_node.node], env={"CAPTURE_REDACT_HEADERS": "x-mine"})
    request = Request("GET", b"/i", [f"Authorization: {SECRET}".encode(), b"X-Mine: 1"])
    with RawClient(proxy.address) as client:
        client.exchange(request)
    (entry,) = poll("the entry", lambda: entries_of(proxy, request.case) or None)
    shown = {h["name"]: h["value"] for h in entry["request"]["headers"]}
    assert (shown["authorization"], shown["x-mine"]) == (SECRET, "[redacted]")


def test_docker_logs_show_neither_bodies_nor_credentials(rig: Rig, lines: list[bytes]) -> None:
    secret_lines = [f"Authorization: Bearer {SECRET}".encode(), f"Cookie: a={SECRET}".encode()]
    body = BODY_MARK.encode() * 10
    for request in (
        Request("POST", f"/i?api_key={SECRET}".encode(), secret_lines, body),
        Request("POST", b"/i", secret_lines, body * 1000, "chunked"),
        Request("POST", b"/i", secret_lines, body, answer=f"type={BODY_MARK} cut=5"),
        Request("POST", b"/i", secret_lines, body, answer="vanish=1"),
        Request("POST", b"/not a target", secret_lines, body),
    ):
        with RawClient(rig.primary.address) as client:
            client.exchange(request)
    with RawClient(rig.primary.address) as client:
        client.send(Request("PUT", b"/gone", secret_lines, body).wire[:-20])
    signs = (SECRET, BODY_MARK, "x-case", "0123456789abc")
    for proxy in (rig.primary, rig.shadow):
        logs = proxy.logs()
        assert "capturing to" in logs
        assert not [sign for sign in signs if sign in logs]


def test_gzip_bodies_are_decoded_with_both_sizes(rig: Rig) -> None:
    plain = ('{"title": "caf\u00e9"}\n' * 50).encode()
    wire = gzip.compress(plain)
    headers = [b"Content-Encoding: gzip", b"Content-Type: application/json"]
    entry = entry_about(rig, Request("POST", b"/i", headers, wire, answer="size=5000 gzip=1"))
    request, content = entry["request"], entry["response"]["content"]
    assert request["postData"]["text"] == plain.decode()
    assert (request["bodySize"], request["postData"]["_size"]) == (len(wire), len(plain))
    assert len(content["text"]) == content["size"] == 5000
    assert content["compression"] == 5000 - entry["response"]["bodySize"]
    assert 0 < entry["response"]["bodySize"] < 500


def test_zstd_bodies_are_decoded_with_both_sizes(rig: Rig) -> None:
    plain = ('{"title": "caf\u00e9"}\n' * 50).encode()
    wire = zstandard.ZstdCompressor().compress(plain)
    request = entry_about(rig, Request("POST", b"/i", [b"Content-Encoding: zstd"], wire))["request"]
    assert request["postData"]["text"] == plain.decode()
    assert (request["bodySize"], request["postData"]["_size"]) == (len(wire), len(plain))


def test_bodies_that_are_no_utf_8_are_base64(rig: Rig) -> None:
    body = bytes(range(256))
    entry = entry_about(
        rig, Request("POST", b"/i", [b"Content-Type: application/cbor"], body, answer="size=300 binary=1")
    )
    assert entry["request"]["postData"]["_encoding"] == entry["response"]["content"]["encoding"] == "base64"
    assert base64.b64decode(entry["request"]["postData"]["text"]) == body
    assert base64.b64decode(entry["response"]["content"]["text"]) == (body + body)[:300]


def test_bodies_of_text_are_as_they_are(rig: Rig) -> None:
    text = 'quote " backslash \\ tab \t nul \x00 del \x7f caf\u00e9 \u2028 \U0001f600 </script>\r\n'
    entry = entry_about(
        rig, Request("POST", b"/i", [b"Content-Type: text/plain; charset=utf-8"], text.encode())
    )
    assert entry["request"]["postData"] == {
        "mimeType": "text/plain; charset=utf-8",
        "text": text,
        "params": [],
    }


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", []),
        (b"?", []),
        (b"?pretty", [("pretty", "")]),
        (b"?a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"?q=a?b=c", [("q", "a?b=c")]),
        (b"?q=a%20b%26c", [("q", "a b&c")]),
        (b"?q=caf%C3%A9", [("q", "caf\u00e9")]),
        (b"?path=/a/b", [("path", "/a/b")]),
    ],
)
def test_query_is_taken_apart(rig: Rig, query: bytes, pairs: list[tuple[str, str]]) -> None:
    entry = entry_about(rig, Request("GET", b"/i" + query))
    assert [(pair["name"], pair["value"]) for pair in entry["request"]["queryString"]] == pairs


def test_redirects_and_status_texts(rig: Rig) -> None:
    entry = entry_about(rig, Request(answer="status=302 lines=Location:/elsewhere?x"))
    assert (entry["response"]["status"], entry["response"]["redirectURL"]) == (302, "/elsewhere?x")


def test_times_are_those_of_the_request(rig: Rig) -> None:
    request = Request(answer="delay=0.7 size=20 trickle=0.05")
    before = datetime.datetime.now(datetime.UTC)
    entry = entry_about(rig, request)
    after = datetime.datetime.now(datetime.UTC)
    started = datetime.datetime.fromisoformat(entry["startedDateTime"])
    # Clock and engine may be apart by little.
    slack = datetime.timedelta(seconds=0.2)
    assert before - slack <= started <= after - datetime.timedelta(milliseconds=entry["time"]) + slack
    assert 690 <= entry["timings"]["wait"] <= 1100
    assert 900 <= entry["timings"]["receive"] <= 1800
    assert entry["timings"]["send"] <= 300


def test_connection_tells_requests_of_one_client_connection(rig: Rig) -> None:
    pair, single = (Request(), Request()), Request()
    with RawClient(rig.primary.address) as client:
        for request in pair:
            client.exchange(request)
    first, second = (rig.entries(request.case)[0][0] for request in pair)
    other = entry_about(rig, single)
    assert first["connection"] == second["connection"] != other["connection"]
    assert first["_node"] == "node1"
    assert first["_client"]
    assert first["serverIPAddress"]


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def node(loop_thread: LoopThread) -> Iterator[RecordingServer]:
    with RecordingServer(loop_thread) as server:
        yield server


FILE_BYTES = 65536
REQUESTS = 6000


def loaded(proxy: Proxy, loop_thread: LoopThread, sizes: list[int]) -> Load:
    """Load a proxy, and note meanwhile how large its logs are in all; returns when the last has been compressed."""
    future = loop_thread.start(run_load(proxy.address, REQUESTS, 8))
    while not future.done():
        sizes.append(log_bytes(proxy))
    load = future.result()
    assert load.errors == []
    poll("all to be captured", lambda: status_of(proxy)["captured"] == REQUESTS, 20, 0.1)
    poll(
        "all to be compressed",
        lambda: not re.search(r"log\.\d+$|partial", proxy.exec("ls", "-1", "/var/log"), re.MULTILINE),
        20,
    )
    return load


def log_bytes(proxy: Proxy) -> int:
    """Size of all logs together. A file may go while they are looked at."""
    listing = proxy.container.exec("sh", "-c", "ls -l /var/log 2>/dev/null").output
    return sum(int(words[4]) for line in listing.splitlines() if len(words := line.split()) > 8)


def paths_of(lines: list[bytes]) -> list[str]:
    """The paths, in the order of the lines."""
    return [json.loads(line)["request"]["url"].removeprefix("http://load.test") for line in lines]


def test_rotation_under_load_loses_and_doubles_nothing(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread
) -> None:
    proxy = run_proxy("primary", [node.node], env={"CAPTURE_LOG_FILE_BYTES": str(FILE_BYTES), **PATIENT})
    load = loaded(proxy, loop_thread, [])
    files = proxy.exec("ls", "-1", "/var/log").split()
    assert len(files) > 50
    assert "ERROR" not in proxy.logs()
    assert all(re.fullmatch(r"haproxy-traffic\.log(\.\d{6}\.zst)?", name) for name in files)
    paths = paths_of(whole_log(proxy))
    assert len(paths) == REQUESTS
    assert set(paths) == load.exchanges.keys()
    # The benchmark's rule for a maximum is this count.
    assert CapturingProxy("primary", proxy.container).count_lines() == REQUESTS
    # In the order of the files, and in them, each client's requests are in its order.
    for client in {path.split("/")[2] for path in paths}:
        numbers = [int(path.split("/")[3]) for path in paths if path.split("/")[2] == client]
        assert numbers == sorted(numbers)
    biggest = max(
        len(unpacked(proxy.read_file(f"/var/log/{name}"))) for name in files if name.endswith(".zst")
    )
    assert biggest <= FILE_BYTES
    assert len(proxy.read_file("/var/log/haproxy-traffic.log")) <= FILE_BYTES


def test_total_bound_holds_and_the_newest_stay(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread
) -> None:
    bound = 4 * FILE_BYTES
    env = {"CAPTURE_LOG_FILE_BYTES": str(FILE_BYTES), "CAPTURE_LOG_TOTAL_BYTES": str(bound), **PATIENT}
    proxy = run_proxy("primary", [node.node], env=env)
    sizes: list[int] = []
    load = loaded(proxy, loop_thread, sizes)
    sizes.append(log_bytes(proxy))
    assert "ERROR" not in proxy.logs()
    # Beside the bound there may be, for a moment, the file that is being compressed and its beginning in compressed form.
    assert max(sizes) <= bound + FILE_BYTES
    assert sizes[-1] <= bound
    paths = paths_of(whole_log(proxy))
    assert 100 < len(paths) < REQUESTS
    assert len(set(paths)) == len(paths)
    newest = sorted(load.exchanges, key=lambda path: load.exchanges[path].answered)[-50:]
    assert set(newest) <= set(paths)


def test_a_few_kilobytes_of_gzip_push_nothing_out_and_what_goes_is_counted(
    run_proxy: RunProxy, node: RecordingServer
) -> None:
    env = {"CAPTURE_LOG_FILE_BYTES": "1048576", "CAPTURE_LOG_TOTAL_BYTES": "4194304", **PATIENT}
    proxy = run_proxy("primary", [node.node], env=env)
    first, sent = Request("PUT", b"/i/_doc/first", body=b"{}"), 1
    # 12 MB of NULs, which JSON shows in six characters each.
    bomb = gzip.compress(bytes(12_000_000))
    with RawClient(proxy.address) as client:
        client.exchange(first)
        for _ in range(5):
            client.exchange(Request("POST", b"/i", [b"Content-Encoding: gzip"], bomb))
            sent += 1
        poll("all to be captured", lambda: status_of(proxy)["captured"] == sent, 60, 0.1)
        assert (status_of(proxy)["removed_files"], status_of(proxy)["removed_bytes"]) == (0, 0)
        entries = [json.loads(line) for line in whole_log(proxy)]
        assert entries[0]["request"]["url"].endswith("/i/_doc/first")
        for entry in entries[1:]:
            assert base64.b64decode(entry["request"]["postData"]["text"]) == bomb
        for _ in range(8):
            client.exchange(Request("POST", b"/i", body=random.Random(sent).randbytes(1_000_000)))
            sent += 1
        poll("all to be captured", lambda: status_of(proxy)["captured"] == sent, 60, 0.1)
    status = poll("a removal", lambda: status_of(proxy)["removed_files"] and status_of(proxy), 30, 0.1)
    assert status["removed_bytes"] > 0
    assert status["removed_unsent"] == 0
    assert proxy.logs().count("the capture logs would exceed 4194304 bytes") == 1


def test_log_goes_on_after_a_restart_of_the_agent_amid_rotation(
    run_proxy: RunProxy, node: RecordingServer, loop_thread: LoopThread
) -> None:
    proxy = run_proxy("primary", [node.node], env={"CAPTURE_LOG_FILE_BYTES": str(FILE_BYTES), **PATIENT})
    load = loop_thread.run(run_load(proxy.address, 500, 4), 60)
    assert proxy.stop(10) == 0
    proxy.container.start()
    proxy.container.wait_healthy(30)
    again = loop_thread.run(run_load(proxy.address, 500, 4), 60)
    assert load.errors == again.errors == []
    poll("all to be captured", lambda: status_of(proxy)["captured"] == 500, 20, 0.1)
    poll(
        "all to be compressed",
        lambda: not re.search(r"log\.\d+$", proxy.exec("ls", "-1", "/var/log"), re.MULTILINE),
        20,
    )
    paths = paths_of(whole_log(proxy))
    assert len(paths) == 1000
    assert {path: paths.count(path) for path in set(paths)} == dict.fromkeys(load.exchanges, 2)
