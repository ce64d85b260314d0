"""OpenSearch Benchmark's four workloads through both proxies to two real clusters."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pytest

from capture.container import Container, ContainerSettings
from capture.engine import Engine
from capture.traffic_gen_image import build_traffic_gen_image
from capture.workspace import REPOSITORY
from tests.e2e.pair import Pair
from tests.e2e.traffic import LOSSES, request_of
from tests.integration.proxies import PURPOSE, Proxy
from tests.integration.rig import Entry, poll, status_of

WORKLOADS = ("geonames", "http_logs", "nested", "nyc_taxis")
SIZE, CLIENTS, ITERATIONS = 700, 2, 3
_RUN_S = 280
_LOGGED_S = 30
# Requests of OpenSearch Benchmark that can't be answered alike: a cursor is the primary's alone.
_CURSORS = re.compile(r"/_search/scroll$")


@pytest.fixture(scope="module")
def traffic_gen_image(docker_engine: Engine, session_id: str) -> Iterator[str]:
    """The image, as `build_docker_images.py --traffic-gen-image` builds it."""
    name = f"capture-test-{session_id}-traffic-gen"
    try:
        build_traffic_gen_image(name, engine=docker_engine)
        yield name
    finally:
        docker_engine.remove_image(name)


@contextmanager
def running(engine: Engine, image: str, network: str, **environment: str) -> Iterator[Container]:
    settings = ContainerSettings(image=image, purpose=PURPOSE, network=network, environment=environment)
    container = engine.run(settings)
    try:
        yield container
    finally:
        container.remove()


def generated(proxy: Proxy) -> list[Entry]:
    """What the traffic generator sent, as a log has it."""
    entries = [json.loads(line) for line in proxy.whole_lines()]
    return [entry for entry in entries if header(entry, "user-agent").startswith("opensearch-py")]


def header(entry: Entry, name: str) -> str:
    return next((h["value"] for h in entry["request"]["headers"] if h["name"].lower() == name), "")


def path_of(entry: Entry) -> str:
    return urlsplit(str(entry["request"]["url"])).path


def searches(workload: str) -> int:
    """How many searches of a workload are not later pages of a scroll."""
    folder = REPOSITORY / "docker_config_traffic_gen" / "workloads" / workload
    operations = (folder / "operations.json").read_text().count('"operation-type"')
    return operations * ITERATIONS * CLIENTS


@pytest.mark.timeout(420)
def test_all_four_are_captured_on_both_sides_without_an_error(
    docker_engine: Engine, pair: Pair, network: str, traffic_gen_image: str
) -> None:
    settings = {
        "TARGET_HOSTS": pair.primary_proxy.inner_address,
        "WORKLOAD_SOURCE": "built-in",
        "CORPUS_SIZE": str(SIZE),
        "CLIENTS": str(CLIENTS),
        "ITERATIONS": str(ITERATIONS),
    }
    with running(docker_engine, traffic_gen_image, network, **settings) as container:
        exit_code = container.wait_exit(_RUN_S)
        output = container.logs()
    assert exit_code == 0, output
    assert re.findall(r"^Running opensearch-benchmark w/ '(\w+)' workload\.\.\.$", output, re.MULTILINE) == [
        *WORKLOADS
    ]
    assert len(re.findall(r"^\[INFO\] SUCCESS \(took \d+ seconds\)$", output, re.MULTILINE)) == 4
    rates = re.findall(r"^\|\s+error rate \|\s+\S+ \|\s+(\S+) \|", output, re.MULTILINE)
    assert len(rates) > 40, output
    assert set(rates) == {"0"}
    assert output.splitlines()[-1] == f"Done: {', '.join(WORKLOADS)}, without an error"

    pair.drain()
    shadow: dict[str, Entry] = {}

    def caught_up() -> bool:
        shadow.clear()
        shadow.update({entry["_id"]: entry for entry in generated(pair.shadow_proxy)})
        return len(shadow) >= len(primary)

    primary = {entry["_id"]: entry for entry in generated(pair.primary_proxy)}
    poll("the shadow's log", caught_up, _LOGGED_S, every_s=0.5)
    assert sorted(primary) == sorted(shadow)
    status = status_of(pair.primary_proxy)
    assert {name: status[name] for name in LOSSES} == dict.fromkeys(LOSSES, 0)
    differing: Counter[tuple[str, int, int]] = Counter()
    for name, entry in primary.items():
        assert request_of(shadow[name]) == request_of(entry)
        statuses = entry["response"]["status"], shadow[name]["response"]["status"]
        if statuses[0] != statuses[1] and not _CURSORS.search(path_of(entry)):
            differing[(path_of(entry), *statuses)] += 1
    assert differing == {}

    # Counted by what was to be sent, not by what was logged.
    found = Counter(
        unquote(path.split("/")[1]) for path in map(path_of, primary.values()) if path.endswith("/_search")
    )
    indices = {"geonames": "geonames", "http_logs": "logs-*", "nested": "sonested", "nyc_taxis": "nyc_taxis"}
    assert {name: found[index] for name, index in indices.items()} == {n: searches(n) for n in WORKLOADS}
    for index in ("geonames", "sonested"):
        by_id = pair.documents(index)
        assert len(by_id[0]) == SIZE
        assert by_id[0] == by_id[1]
    # Those get an id from each cluster.
    for index in ("logs-*", "nyc_taxis"):
        one, other = (
            Counter(json.dumps(source, sort_keys=True) for source in side.values())
            for side in pair.documents(index)
        )
        assert one.total() == SIZE
        assert one == other


def test_a_workload_with_failed_requests_is_named_and_the_next_one_runs(
    docker_engine: Engine, pair: Pair, network: str, traffic_gen_image: str
) -> None:
    # A closed door: on an index of this name nothing can be written once the workload has made it.
    pair.primary.indices.put_template(
        name="read-only", body={"index_patterns": ["geonames"], "settings": {"index.blocks.write": True}}
    )
    settings = {
        "TARGET_HOSTS": pair.primary_cluster.settings.network_nodes[0],
        "WORKLOADS": "geonames nested",
        "WORKLOAD_SOURCE": "built-in",
        "CORPUS_SIZE": "100",
        "ITERATIONS": "1",
    }
    try:
        with running(docker_engine, traffic_gen_image, network, **settings) as container:
            exit_code = container.wait_exit(_RUN_S)
            output = container.logs()
    finally:
        pair.primary.indices.delete_template(name="read-only")
    assert exit_code == 1, output
    assert "Running opensearch-benchmark w/ 'nested' workload..." in output
    last = output.splitlines()[-1]
    assert last.startswith("error: 1 of 2 workloads failed: geonames (error rates: index-append 100.0%")


@pytest.mark.parametrize(("number", "exit_code"), [("INT", 130), ("TERM", 143)])
def test_a_signal_ends_it_at_once(
    docker_engine: Engine, pair: Pair, network: str, traffic_gen_image: str, number: str, exit_code: int
) -> None:
    settings = {"TARGET_HOSTS": pair.primary_cluster.settings.network_nodes[0], "WORKLOAD_SOURCE": "built-in"}
    with running(docker_engine, traffic_gen_image, network, **settings) as container:
        poll("OpenSearch Benchmark's start", lambda: "Test Execution ID" in container.logs(), 60, every_s=0.2)
        container.exec("sh", "-c", f"kill -{number} 1")
        # Well within the ten seconds after which `docker stop` would kill it.
        assert container.wait_exit(5) == exit_code
        assert container.logs().splitlines()[-1] == f"Interrupted by SIG{number}: ended at once"
