"""The traffic generator as far as it goes without OpenSearch Benchmark: settings, documents, what its record says, processes."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from traffic_gen.benchmark import command, parameters
from traffic_gen.corpora.files import corpus_files, write_corpus
from traffic_gen.errors import TrafficError
from traffic_gen.official import UnreachableError, corpora_urls, fetch, unpack
from traffic_gen.outcome import Outcome, judge, summary
from traffic_gen.processes import descendants
from traffic_gen.settings import WORKLOADS, Settings, read_settings
from traffic_gen.target import read_target

FOLDER = Path(__file__).parents[2] / "docker_config_traffic_gen"


def test_every_setting_has_a_default() -> None:
    assert read_settings({"PATH": "/bin", "HOME": "/root", "CLIENTS": " "}) == Settings()


def test_settings_of_the_environment() -> None:
    environment = {
        "TARGET_HOSTS": "a:80, [2001:db8::1]:9200",
        "WORKLOADS": "nested,geonames",
        "WORKLOAD_SOURCE": "built-in",
        "CLIENTS": "3",
        "TARGET_THROUGHPUT": "2.5",
        "CORPUS_SIZE": "100",
        "SEED": "0",
    }
    expected = Settings(
        target_hosts=("a:80", "[2001:db8::1]:9200"),
        workloads=("nested", "geonames"),
        workload_source="built-in",
        clients=3,
        target_throughput=2.5,
        corpus_size=100,
        seed=0,
    )
    assert read_settings(environment) == expected


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TARGET_HOSTS", "localhost", "'localhost' is not HOST:PORT"),
        ("TARGET_HOSTS", "a:0", "'a:0' is not HOST:PORT"),
        ("TARGET_HOSTS", "a:65536", "'a:65536' is not HOST:PORT"),
        ("TARGET_HOSTS", "https://a:1 b:1", "some are https"),
        ("TARGET_HOSTS", ",", "there is none in ','"),
        ("WORKLOADS", " , ", "there is none in ','"),
        ("WORKLOADS", "geonames geoname", "there is no 'geoname'"),
        ("WORKLOADS", "nested nested", "given twice"),
        ("WORKLOAD_SOURCE", "builtin", "there is no 'builtin'"),
        ("OFFICIAL_URL", "github.com", "is no URL"),
        ("CLIENTS", "0", "'0' can't be"),
        ("CLIENTS", "65", "'65' can't be"),
        ("CLIENTS", "\u0663", "can't be"),
        ("CORPUS_SIZE", "99", "'99' can't be"),
        ("TARGET_THROUGHPUT", "-1", "'-1' can't be"),
        ("TARGET_THROUGHPUT", "fast", "'fast' can't be"),
        ("SEED", "1.5", "'1.5' can't be"),
        ("TARGET_HOST", "a:80", "TARGET_HOST is no setting"),
        ("WORKLOAD", "nested", "WORKLOAD is no setting"),
    ],
)
def test_a_setting_that_cannot_be_used(name: str, value: str, words: str) -> None:
    with pytest.raises(TrafficError, match=words) as raised:
        read_settings({name: value})
    assert raised.value.exit_code == 2
    assert name in str(raised.value)
    assert "\n" not in str(raised.value) + raised.value.hint


def test_mistakes_end_the_command_with_a_line_and_a_hint() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "traffic_gen"],
        env={"PYTHONPATH": str(FOLDER), "CLIENTS": "many", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: CLIENTS: 'many' can't be",
        "hint: a whole number from 1 to 64",
    ]


def digest(directory: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(directory.iterdir()))).hexdigest()


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_same_seed_gives_the_same_documents(workload: str, tmp_path: Path) -> None:
    made = {}
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        (tmp_path / name).mkdir()
        write_corpus(workload, tmp_path / name, 150, seed)
        made[name] = digest(tmp_path / name)
    assert made["one"] == made["again"]
    assert made["one"] != made["other"]


def documents(workload: str, size: int) -> list[dict[str, Any]]:
    lines = [line for lines in corpus_files(workload, size, 1).values() for line in lines]
    return [line for line in lines if "index" not in line]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_as_many_documents_as_are_asked_for_each_with_mapped_fields_only(workload: str) -> None:
    mapped = json.loads((FOLDER / "workloads" / workload / "index.json").read_text())["mappings"]
    made = documents(workload, 205)
    assert len(made) == 205
    assert mapped["dynamic"] == "strict"
    assert {field for document in made for field in document} <= set(mapped["properties"])


@pytest.mark.parametrize(("workload", "index"), [("geonames", "geonames"), ("nested", "sonested")])
def test_ids_are_given_and_unique(workload: str, index: str) -> None:
    lines = list(corpus_files(workload, 300, 1)["documents.json"])
    actions = [line["index"] for line in lines[::2]]
    assert {action["_index"] for action in actions} == {index}
    assert len({action["_id"] for action in actions}) == len(actions) == 300


@pytest.mark.parametrize(
    ("workload", "low", "high"),
    [("geonames", 230, 420), ("http_logs", 90, 180), ("nested", 200, 500), ("nyc_taxis", 380, 560)],
)
def test_documents_are_of_the_size_of_the_official_ones(workload: str, low: int, high: int) -> None:
    sizes = [len(json.dumps(document)) for document in documents(workload, 500)]
    assert low < sum(sizes) / len(sizes) < high


def test_the_days_share_the_documents() -> None:
    counts = [len(list(lines)) for lines in corpus_files("http_logs", 102, 1).values()]
    assert counts == [15, 15, 15, 15, 14, 14, 14]


def record(**rates: float) -> str:
    return json.dumps({"results": {"op_metrics": [{"task": t, "error_rate": r} for t, r in rates.items()]}})


@pytest.mark.parametrize(
    ("exit_code", "text", "problem"),
    [
        (0, record(bulk=0.0, term=0), None),
        (0, record(bulk=0.0, term=0.125, scroll=1), "error rates: term 12.5%, scroll 100.0%"),
        (64, record(bulk=0.0), "OpenSearch Benchmark ended with exit code 64"),
        (0, None, "OpenSearch Benchmark left no record of it"),
        (0, record(), "OpenSearch Benchmark's record of it holds no operation"),
        (0, "{", "OpenSearch Benchmark's record of it can't be read"),
        (0, "{}", "OpenSearch Benchmark's record of it can't be read"),
    ],
)
def test_what_a_run_came_to(exit_code: int, text: str | None, problem: str | None) -> None:
    found = judge("nested", exit_code, text).problem
    assert found == problem if problem is None or found is None else found.startswith(problem)


def test_the_last_line_says_which_workload_failed() -> None:
    assert summary([Outcome("a"), Outcome("b")]) == ("Done: a, b, without an error", True)
    text, well = summary([Outcome("a"), Outcome("b", "error rates: term 1.0%")])
    assert (text, well) == ("1 of 2 workloads failed: b (error rates: term 1.0%)", False)


def test_descendants_are_found_through_every_generation() -> None:
    parents = [(1, 0), (2, 1), (5, 4), (3, 2), (4, 3), (9, 8), (8, 1)]
    assert sorted(descendants(2, parents)) == [3, 4, 5]
    assert descendants(5, parents) == []


def test_an_orphan_in_a_session_of_its_own_is_ended_too(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys; from traffic_gen.processes import *; adopt_orphans();"
        "subprocess.run(['sh', '-c', 'setsid sleep 300 & echo $! > pid']);"
        "end_descendants()"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
        check=True,
        timeout=30,
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


def test_the_command_line() -> None:
    settings = Settings(target_hosts=("a:1", "b:2"))
    official = command("nested", Path("/w"), settings, "id", official=True)
    built_in = command("nested", Path("/w"), settings, "id", official=False)
    assert "--offline" not in official
    assert official[official.index("--target-hosts") + 1] == "a:1,b:2"
    assert built_in[-3:] == ["--offline", "--workload-params", "/w/nested.parameters.json"]
    assert "use_ssl:true" in " ".join(
        command("nested", Path("/w"), Settings(target_hosts=("https://a:1",)), "id", official=True)
    )


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_parameter_is_used_since_others_are_refused(workload: str) -> None:
    folder = FOLDER / "workloads" / workload
    text = (folder / "workload.json").read_text() + (folder / "operations.json").read_text()
    assert [name for name in parameters(Settings()) if name not in text] == []


def test_what_a_cluster_says_it_is() -> None:
    assert str(read_target(b'{"version": {"number": "7.10.2"}}')) == "Elasticsearch 7.10.2"
    opensearch = b'{"version": {"distribution": "opensearch", "number": "2.19.1"}}'
    assert str(read_target(opensearch)) == "Opensearch 2.19.1"


def archive(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


def test_an_archive_of_workloads_is_unpacked_where_it_may(tmp_path: Path) -> None:
    url = "https://corpora.invalid/nested"
    content = {
        "workloads-7/nested/workload.json": json.dumps({"base-url": url}),
        "workloads-7/nested/../../outside": "no",
        "workloads-7/pmc/workload.json": "{}",
        "workloads-7/common_operations/workload_setup.json": "{}",
    }
    unpack(archive(content), ["nested"], tmp_path / "inner")
    assert corpora_urls(tmp_path / "inner/nested") == {url}
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        # The test procedures of the workloads collect from there.
        "inner/common_operations/workload_setup.json",
        "inner/nested/workload.json",
    ]


@pytest.mark.parametrize("content", [b"<html>", archive({"w/pmc/workload.json": "{}"})])
def test_what_is_no_archive_of_the_workloads_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        unpack(content, ["nested"], tmp_path)


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A web server with these files; its address, and the requests that it got."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.command} {self.path}")
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLACE = f"/archive/{COMMIT}.tar.gz"


def test_the_official_workloads_are_those_of_the_commit(tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    with serving(files) as (url, requests):
        workload = json.dumps({"base-url": f"{url}/corpora"})
        files[PLACE] = archive({"w-1/nested/workload.json": workload})
        fetch(url, COMMIT, "", ["nested"], tmp_path)
        fetch(url, COMMIT, hashlib.sha256(files[PLACE]).hexdigest(), ["nested"], tmp_path)
    assert (tmp_path / "nested/workload.json").read_text() == workload
    assert requests == [f"GET {PLACE}", "HEAD /corpora"] * 2


def test_another_archive_than_the_checksum_says_is_not_unpacked(tmp_path: Path) -> None:
    files = {PLACE: archive({"w-1/nested/workload.json": "{}"})}
    with serving(files) as (url, _), pytest.raises(UnreachableError, match=r"has the SHA-256 [0-9a-f]{64}"):
        fetch(url, COMMIT, "0" * 64, ["nested"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_workloads_whose_documents_are_out_of_reach_are_not_used(tmp_path: Path) -> None:
    workload = json.dumps({"base-url": "http://127.0.0.1:9/corpora"})
    files = {PLACE: archive({"w-7/nested/workload.json": workload})}
    with serving(files) as (url, _), pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9/corpora"):
        fetch(url, COMMIT, "", ["nested"], tmp_path)


def test_no_such_commit(tmp_path: Path) -> None:
    with serving({}) as (url, _), pytest.raises(UnreachableError, match=f"has no commit {COMMIT}"):
        fetch(url, COMMIT, "", ["nested"], tmp_path)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="refused"):
        fetch("http://127.0.0.1:9", COMMIT, "", ["nested"], tmp_path)


def test_the_official_workloads_are_used_when_they_are_asked_for_by_commit() -> None:
    assert read_settings({}).workload_source == "built-in"
    official = {"WORKLOAD_SOURCE": "official"}
    with pytest.raises(TrafficError, match="needs OFFICIAL_COMMIT") as error:
        read_settings(official)
    assert "git ls-remote" in error.value.hint
    assert read_settings(official | {"OFFICIAL_COMMIT": COMMIT.upper()}).official_commit == COMMIT
    for other in ("main", COMMIT[:12], f"refs/heads/{COMMIT}"):
        with pytest.raises(TrafficError, match="is no commit"):
            read_settings(official | {"OFFICIAL_COMMIT": other})


# The resolver's waiting is C code that goes on after a signal; so is that for a mutex which nobody gives back.
RESOLVING = """
import ctypes, runpy, socket
real = socket.getaddrinfo
def getaddrinfo(host, *rest, **options):
    if not str(host).endswith(".invalid"):
        return real(host, *rest, **options)
    mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    libc.pthread_mutex_lock(mutex)
    print("resolving", flush=True)
    libc.pthread_mutex_lock(mutex)
socket.getaddrinfo = getaddrinfo
runpy.run_module("traffic_gen", run_name="__main__")
"""


@pytest.mark.parametrize("unresolved", ["OFFICIAL_URL", "TARGET_HOSTS"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_name_that_is_being_resolved_holds_up_no_signal(
    unresolved: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with serving({"/": b'{"version": {"number": "7.10.2"}}'}) as (url, _):
        settings = {
            "WORKLOAD_SOURCE": "official",
            "OFFICIAL_COMMIT": COMMIT,
            "OFFICIAL_URL": url,
            "TARGET_HOSTS": url,
            unresolved: "http://name.invalid:80",
        }
        with subprocess.Popen(
            [sys.executable, "-c", RESOLVING],
            env={"PYTHONPATH": str(FOLDER), "HOME": str(tmp_path), "PATH": os.environ["PATH"], **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                while process.stdout.readline() not in ("resolving\n", ""):
                    pass
                # Asleep in there, as its main thread's state says (proc(5)).
                while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "R":
                    time.sleep(0.01)
                process.send_signal(number)
                _, err = process.communicate(timeout=20)
            finally:
                process.kill()
    assert (process.returncode, err) == (code, f"Interrupted by {number.name}: ended at once\n")
