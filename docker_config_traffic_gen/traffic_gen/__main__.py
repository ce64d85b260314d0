"""``python -m traffic_gen``: the four workloads, one after the other; exit codes in `traffic_gen.errors`."""

import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

from traffic_gen.aside import aside
from traffic_gen.benchmark import place_built_in, run
from traffic_gen.errors import BY_SIGNAL, FAILED, TrafficError
from traffic_gen.official import UnreachableError, fetch
from traffic_gen.outcome import summary
from traffic_gen.processes import adopt_orphans, end_descendants
from traffic_gen.settings import Settings, read_settings
from traffic_gen.target import ask

_BUILT_IN = Path(__file__).resolve().parent.parent / "workloads"


def main() -> int:
    """Run what the environment says."""
    try:
        return _run(read_settings(os.environ), Path.home())
    except TrafficError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr, flush=True)
        return error.exit_code


def _run(settings: Settings, home: Path) -> int:
    target, *_ = aside(lambda: [ask(host) for host in settings.target_hosts])
    print(f"Target: {target} at {', '.join(settings.target_hosts)}", flush=True)
    directory = home / "workloads"
    official = _fetch_official(settings, directory)
    outcomes = []
    for workload in settings.workloads:
        print(f"Running opensearch-benchmark w/ '{workload}' workload...", flush=True)
        if not official:
            place_built_in(workload, _BUILT_IN, directory, settings)
        outcomes.append(run(workload, directory, settings, home, official=official))
        # The next one runs all the same: each makes indices of its own.
        if outcomes[-1].problem is not None:
            print(f"error: workload '{workload}' failed: {outcomes[-1].problem}", file=sys.stderr, flush=True)
    text, well = summary(outcomes)
    print(text if well else f"error: {text}", file=sys.stdout if well else sys.stderr, flush=True)
    return 0 if well else FAILED


def _fetch_official(settings: Settings, directory: Path) -> bool:
    """Whether the workloads are the official ones; says so in one line, and makes ``directory`` anew."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    if settings.workload_source == "built-in":
        print("Workloads: the built-in ones", flush=True)
        return False
    commit = settings.official_commit
    try:
        aside(
            lambda: fetch(
                settings.official_url, commit, settings.official_sha256, settings.workloads, directory
            )
        )
    except UnreachableError as error:
        raise TrafficError(
            f"the official workloads can't be fetched: {error}",
            hint="WORKLOAD_SOURCE=built-in needs nothing but the cluster; behind a proxy that signs anew mount its CA bundle "
            "and name it in SSL_CERT_FILE",
        ) from error
    print(f"Workloads: the official ones of commit {commit}, in test mode", flush=True)
    return True


def _interrupted(number: int, _frame: FrameType | None) -> None:
    print(f"Interrupted by {signal.Signals(number).name}: ended at once", file=sys.stderr, flush=True)
    # Nothing of it may go on, and nothing of ours needs to.
    end_descendants()
    os._exit(BY_SIGNAL + number)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)
    adopt_orphans()
    sys.exit(main())
