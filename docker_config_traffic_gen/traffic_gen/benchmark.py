"""Runs one workload with OpenSearch Benchmark."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from traffic_gen.corpora.files import write_corpus
from traffic_gen.outcome import Outcome, judge
from traffic_gen.processes import end_descendants
from traffic_gen.settings import Settings

_RECORDS = Path(".benchmark/benchmarks/test_executions")
_ANSWER_S = 60


def place_built_in(workload: str, source: Path, directory: Path, settings: Settings) -> None:
    """Copy a built-in workload to ``directory``, make its documents, and give it its parameters."""
    shutil.copytree(source / workload, directory / workload)
    write_corpus(workload, directory / workload, settings.corpus_size, settings.seed)
    (directory / f"{workload}.parameters.json").write_text(json.dumps(parameters(settings)))


def parameters(settings: Settings) -> Mapping[str, int | float]:
    """What the built-in workloads take."""
    return {
        "clients": settings.clients,
        "target_throughput": settings.target_throughput,
        "corpus_size": settings.corpus_size,
        "bulk_size": settings.bulk_size,
        "iterations": settings.iterations,
        "seed": settings.seed,
    }


def command(workload: str, directory: Path, settings: Settings, run_id: str, *, official: bool) -> list[str]:
    """The command line of OpenSearch Benchmark."""
    options = f"timeout:{_ANSWER_S}"
    if settings.target_hosts[0].startswith("https://"):
        options += ",use_ssl:true"
    words = [
        "opensearch-benchmark", "execute-test",
        "--pipeline", "benchmark-only",
        "--workload-path", str(directory / workload),
        "--target-hosts", ",".join(settings.target_hosts),
        "--client-options", options,
        "--test-execution-id", run_id,
        # Its actors listen on a fixed port of the loopback; those of a run that was killed are no reason to fail.
        "--kill-running-processes",
        # Of the built-in ones all is done as it is written all the same (`traffic_gen.as_written`).
        "--test-mode",
    ]  # fmt: skip
    if official:
        return words
    return [*words, "--offline", "--workload-params", str(directory / f"{workload}.parameters.json")]


def run(workload: str, directory: Path, settings: Settings, home: Path, *, official: bool) -> Outcome:
    """Run ``workload`` to its end, its output on ours."""
    run_id = f"{workload}-{secrets.token_hex(4)}"
    words = command(workload, directory, settings, run_id, official=official)
    try:
        # A session of its own: Ctrl+C of a terminal is ours alone to act on.
        exit_code = subprocess.run(
            words, check=False, start_new_session=True, stdin=subprocess.DEVNULL
        ).returncode
    finally:
        end_descendants()
    record = home / _RECORDS / run_id / "test_execution.json"
    return judge(workload, exit_code, record.read_text() if record.is_file() else None)
