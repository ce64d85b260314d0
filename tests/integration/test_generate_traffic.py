"""generate_traffic.py as a user runs it, against a node whose behaviour is known."""

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from capture.workspace import REPOSITORY
from tests.integration.recording_server import LoopThread
from tests.integration.rig import poll
from tests.integration.standstill import Received, StandstillCluster
from traffic.run import run_traffic
from traffic.settings import TrafficSettings, read_target

_END_S = 60


@pytest.fixture(scope="module")
def loop_thread() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


_STARTED: "list[subprocess.Popen[str]]" = []


@pytest.fixture(autouse=True)
def _all_ended() -> Iterator[None]:
    """A test that fails leaves no load behind."""
    yield
    while _STARTED:
        with _STARTED.pop() as process:
            process.kill()


def start(cluster: StandstillCluster, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "generate_traffic.py", "--target", cluster.url, "--documents", "100", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    _STARTED.append(process)
    return process


def run(
    cluster: StandstillCluster, *arguments: str, code: int = 0, **environment: str
) -> tuple[dict[str, Any], str]:
    """The results, and what was on stderr."""
    process = start(cluster, "--json", *arguments, **environment)
    out, err = process.communicate(timeout=_END_S)
    assert process.returncode == code, err
    results: dict[str, Any] = json.loads(out)
    return results, err


def test_every_request_that_is_due_is_sent_once(loop_thread: LoopThread) -> None:
    with StandstillCluster(loop_thread) as cluster:
        results, _ = run(
            cluster, "--rate", "150", "--duration", "2", "--connections", "8", "--bulk-size", "3"
        )
        assert len(cluster.traffic) == 300
        assert cluster.connections <= 8
    requests = results["requests"]
    assert (requests["due"], requests["sent"], requests["answered"], requests["failed"]) == (300, 300, 300, 0)
    assert sum(operation["requests"] for operation in results["operations"].values()) == 300
    assert results["all"]["latency_ms"]["count"] == 300


def test_the_same_seed_sends_the_same_bytes(loop_thread: LoopThread) -> None:
    def sent(seed: str) -> list[tuple[str, str, bytes]]:
        with StandstillCluster(loop_thread) as cluster:
            # One connection, so that they come in the order in which they were sent.
            run(cluster, "--rate", "300", "--duration", "0.5", "--connections", "1", "--seed", seed)
            return [(request.method, request.path, request.body) for request in cluster.everything]

    first = sent("1")
    assert sent("1") == first
    assert sent("2") != first


def test_what_was_due_during_a_standstill_tells_of_it(loop_thread: LoopThread) -> None:
    # The hundredth request is due after 0.495 s. It is answered a second after it came, and so is all that is due meanwhile.
    with StandstillCluster(loop_thread, standstill_at=100, standstill_s=1.0) as cluster:
        results, _ = run(cluster, "--rate", "200", "--duration", "3", "--connections", "4", "--mix", "get=1")
        assert len(cluster.traffic) == 600
    latency, service = results["all"]["latency_ms"], results["all"]["service_ms"]
    # Requests 100 to 199 were due in the first half of the standstill at the latest: a sixth of all waited for half a second or
    # longer, on however slow a machine. Uncorrected it would be the four that were under way.
    assert latency["p90"] >= 500
    assert latency["max"] >= 999
    assert service["p90"] < latency["p90"]
    assert results["requests"]["late"] >= 96
    assert results["latest_ms"] >= 900


def test_an_error_is_counted_and_ends_it_with_1_unless_errors_are_allowed(loop_thread: LoopThread) -> None:
    def answer(request: Received) -> tuple[int, Any]:
        if request.path.endswith("_bulk"):
            return 200, {"took": 1, "errors": True, "items": []}
        return (429, {"error": "too many"}) if request.path.endswith("_count") else (200, {})

    arguments = ("--rate", "100", "--duration", "1", "--mix", "bulk=1,count=1,get=2", "--bulk-size", "1")
    with StandstillCluster(loop_thread, answer=answer) as cluster:
        results, _ = run(cluster, *arguments, code=1)
        counts = sum(request.path.endswith("_count") for request in cluster.traffic)
        bulks = sum(request.path.endswith("_bulk") for request in cluster.traffic)
    assert results["all"]["errors"] == {"status 429": counts, "documents refused in a bulk": bulks}
    assert results["operations"]["get"]["errors"] == {}
    assert results["all"]["examples"]["status 429"] == 'POST /generated-traffic/_count: {"error": "too many"}'
    with StandstillCluster(loop_thread, answer=answer) as cluster:
        run(cluster, *arguments, "--allow-errors", code=0)


def test_an_answer_that_does_not_come_is_a_time_out(loop_thread: LoopThread) -> None:
    with StandstillCluster(loop_thread, standstill_at=1, standstill_s=600) as cluster:
        results, err = run(
            cluster, "--rate", "20", "--duration", "1", "--timeout", "2", "--connections", "2", code=1
        )
    assert set(results["all"]["errors"]) == {"time-out"}
    assert results["all"]["latency_ms"]["p50"] >= 2000
    requests = results["requests"]
    assert requests["sent"] + requests["unsent"] == requests["due"] == 20
    assert requests["unsent"] > 0
    assert "requests were not sent: 2 s after the end they still had no connection" in err
    assert "warning: the rate was not kept" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_at_once_with_the_results_so_far(
    loop_thread: LoopThread, number: signal.Signals, code: int
) -> None:
    # Some requests are under way, and would be for 10 minutes.
    with StandstillCluster(loop_thread, standstill_at=30, standstill_s=600) as cluster:
        process = start(
            cluster, "--json", "--rate", "50", "--duration", "1h", "--timeout", "1h", "--clean-up"
        )
        poll("traffic", lambda: len(cluster.traffic) >= 40, 30)
        process.send_signal(number)
        out, err = process.communicate(timeout=_END_S)
        assert process.returncode == code, err
        assert (cluster.everything[-1].method, cluster.everything[-1].path) == (
            "DELETE",
            "/generated-traffic",
        )
    results = json.loads(out)
    assert results["interrupted"] is True
    assert results["requests"]["answered"] in range(1, 30)
    assert results["requests"]["sent"] >= 40
    assert results["requests"]["failed"] == 0


def test_from_python_in_any_thread(loop_thread: LoopThread) -> None:
    with StandstillCluster(loop_thread) as cluster, ThreadPoolExecutor() as threads:
        settings = TrafficSettings(
            target=read_target(cluster.url), rate=50, duration_s=0.4, documents=10, clean_up=True
        )
        results = threads.submit(run_traffic, settings).result(_END_S)
        assert len(cluster.traffic) == 20
        assert cluster.everything[-1].method == "DELETE"
    assert (results.all.requests, results.failed, results.signal) == (20, False, None)


def test_the_index_is_made_once_filled_and_left(loop_thread: LoopThread) -> None:
    arguments = ("--rate", "20", "--duration", "0.2", "--mix", "get=1")
    with StandstillCluster(loop_thread) as cluster:
        _, first = run(cluster, *arguments)
        _, second = run(cluster, *arguments)
        changes = [
            (each.method, each.path) for each in cluster.everything if each.method in ("PUT", "DELETE")
        ]
        bulks = [each.body for each in cluster.everything if each.path.endswith("_bulk")]
    assert changes == [("PUT", "/generated-traffic")]
    assert [body.count(b'{"index":') for body in bulks] == [100]
    assert "index 'generated-traffic' was made and has 100 documents" in first
    assert "index 'generated-traffic' was there, and has 100 documents" in second


def test_an_index_that_is_somebody_else_s_is_left_alone(loop_thread: LoopThread) -> None:
    with StandstillCluster(loop_thread) as cluster:
        run(cluster, "--rate", "20", "--duration", "0.2", "--mix", "get=1")
        cluster._mapping = {"properties": {}}
        before = len(cluster.everything)
        process = start(cluster, "--clean-up")
        out, err = process.communicate(timeout=_END_S)
        after = [(each.method, each.path) for each in cluster.everything[before:]]
    assert (process.returncode, out) == (2, "")
    assert "index 'generated-traffic' is not one of this command's" in err
    assert after == [("GET", "/"), ("GET", "/generated-traffic")]


def test_who_it_is_and_what_is_under_the_target_s_path(loop_thread: LoopThread) -> None:
    with StandstillCluster(loop_thread) as cluster:
        run(
            cluster,
            *("--rate", "20", "--duration", "0.2"),
            CAPTURE_TRAFFIC_USER="elastic",
            CAPTURE_TRAFFIC_PASSWORD="hüsh:hush",
        )
        words = {each.headers.get("authorization") for each in cluster.everything}
    assert words == {f"Basic {base64.b64encode('elastic:hüsh:hush'.encode()).decode()}"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


def test_tls_with_certificates_of_one_s_own(loop_thread: LoopThread, certificate: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    arguments = ("--rate", "20", "--duration", "0.2")
    with StandstillCluster(loop_thread, tls=tls) as cluster:
        refused = start(cluster, *arguments)
        out, err = refused.communicate(timeout=_END_S)
        assert (refused.returncode, out) == (5, "")
        assert "certificate not trusted" in err
        assert "hint: --ca FILE names the certificates to trust" in err
        assert cluster.everything == []
        run(cluster, *arguments, "--ca", str(certificate))
        run(cluster, *arguments, "--insecure")
        assert len(cluster.traffic) == 8


def test_progress_on_stderr_and_the_table_on_stdout(loop_thread: LoopThread) -> None:
    with StandstillCluster(loop_thread) as cluster:
        process = start(cluster, "--rate", "20", "--duration", "6", "--mix", "get=1")
        out, err = process.communicate(timeout=_END_S)
        quiet = start(cluster, "-q", "--rate", "20", "--duration", "0.2", "--mix", "get=1").communicate(
            timeout=_END_S
        )
    assert process.returncode == 0
    assert " s of 6: " in err
    assert any(line.startswith("rate: 20.0/s asked, ") for line in out.splitlines())
    assert "120 of 120 requests sent" in out
    assert quiet[1].count("\n") == quiet[1].count("warning: ")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, {"hello": "world"}, "is no cluster (status 200)"),
        (401, {}, "lets nobody in like that (status 401)"),
        (503, {}, "no cluster answers behind"),
    ],
)
def test_what_answers_is_no_cluster(
    loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch, status: int, body: Any, words: str
) -> None:
    with StandstillCluster(loop_thread) as cluster:
        monkeypatch.setattr(cluster, "_prepared", lambda _: (status, body))
        process = start(cluster)
        out, err = process.communicate(timeout=_END_S)
    assert (process.returncode, out) == (5, "")
    assert words in err
    assert len(err.splitlines()) == 2
