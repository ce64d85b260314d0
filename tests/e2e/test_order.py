"""Many clients at once: both clusters end up the same, and what a client read of its own writes the shadow reads too.

``--order-seconds 60`` lets each load last for so long, ``-rP`` shows what was sent and compared.
"""

import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from elasticsearch import Elasticsearch

from tests.e2e.ordering.clients import STEP_HEADER, Load, run_clients
from tests.e2e.ordering.delayed_node import DelayedNode, Delays
from tests.e2e.ordering.dump import Document, Dump, differences, read_dump
from tests.e2e.ordering.judge import Answer, Exchange, judge
from tests.e2e.ordering.plan import CLIENTS, LEAST_REQUESTS, Names, Plan
from tests.e2e.ordering.steps import Step
from tests.e2e.pair import Pair
from tests.e2e.traffic import LOSSES, request_of
from tests.har import fields, response_body
from tests.integration.proxies import Proxy
from tests.integration.recording_server import LoopThread
from tests.integration.rig import PATIENT, Entry, Setting, entries_by_case, poll, status_of

SETTINGS = {
    "number_of_shards": 1,
    "number_of_replicas": 1,
    # Otherwise a deletion is forgotten after a minute, by each cluster's own clock, and the document's versions begin with 1 again.
    "gc_deletes": "1h",
    # The order of things is the same, and the disk is not what is tried here.
    "translog.durability": "async",
}
PROPERTIES = {
    "client": {"type": "integer"},
    "step": {"type": "integer"},
    "item": {"type": "integer"},
    "n": {"type": "long"},
    "marker": {"type": "keyword"},
    "text": {"type": "text"},
}
_CREATED_S, _LOGGED_S = 60, 60


@dataclass(frozen=True)
class Options:
    """The command line's."""

    seconds: float
    environment: Mapping[str, str]
    """Of the primary's proxy."""


@pytest.fixture
def options(request: pytest.FixtureRequest) -> Options:
    order = request.config.getoption("--order")
    environment = PATIENT | ({"CAPTURE_ORDER": order} if order else {})
    return Options(request.config.getoption("--order-seconds"), environment)


@pytest.mark.timeout(1200)
def test_a_shadow_that_is_as_fast(setting: Setting, pair: Pair, options: Options) -> None:
    with proxies(setting, pair, pair.shadow_cluster.settings.network_nodes, options) as own:
        check_order(own, Load(options.seconds, LEAST_REQUESTS, think_s=0.2))


@pytest.mark.timeout(1200)
def test_a_shadow_that_is_slow_by_another_time_for_each_request(
    setting: Setting, pair: Pair, options: Options
) -> None:
    """What the shadow has at the same time comes to its cluster in any order."""
    cluster = pair.shadow_cluster
    nodes = [cluster.nodes[0].published(port) for port in cluster.settings.http_ports]
    delays = Delays(reads_s=0.4, writes_s=1.2, factor=1.5)
    with (
        LoopThread() as thread,
        DelayedNode(thread, nodes, delays) as slow,
        proxies(setting, pair, [slow.node], options) as own,
    ):
        check_order(own, Load(options.seconds, LEAST_REQUESTS, think_s=0.8))


@contextmanager
def proxies(setting: Setting, pair: Pair, shadow_nodes: Sequence[str], options: Options) -> Iterator[Pair]:
    """The same clusters with proxies of this test's own, so that these have counted nothing else."""
    with ExitStack() as stack:
        shadow = stack.enter_context(setting.proxy("shadow", shadow_nodes, env=PATIENT))
        primary = stack.enter_context(
            setting.proxy(
                "primary",
                pair.primary_cluster.settings.network_nodes,
                mirror_to=[shadow.inner_address],
                env=options.environment,
            )
        )
        yield replace(pair, primary_proxy=primary, shadow_proxy=shadow)


def check_order(pair: Pair, load: Load) -> None:
    """Send the load, wait for the shadow, and compare everything."""
    names = Names(f"order-{secrets.token_hex(4)}")
    versions = itertools.count(1)
    plans = [Plan(names, client, CLIENTS, lambda: next(versions)) for client in range(CLIENTS)]
    try:
        created = create_indices(pair, names)
        began = time.monotonic()
        steps = run_clients(pair.primary_proxy.address, names.prefix, plans, load)
        loaded_s = time.monotonic() - began
        waiting, began = status_of(pair.primary_proxy)["waiting_for_shadow"], time.monotonic()
        pair.drain(60 + 10 * load.seconds)
        drained_s = time.monotonic() - began
        exchanges = logged(pair, names.prefix, steps)
        dumps = [read_dump(client, f"{names.prefix}-*") for client in (pair.primary, pair.shadow)]
    finally:
        for client in (pair.primary, pair.shadow):
            client.indices.delete(index=f"{names.prefix}-*")

    verdict = judge(exchanges, [plan.history for plan in plans])
    unlike = differences(*dumps)
    kinds = Counter(exchange.step.kind for exchange in exchanges)
    named, unnamed = len(dumps[0].named), dumps[0].unnamed.total()
    print(
        f"{len(exchanges)} requests in {loaded_s:.1f} s by {CLIENTS} clients: {dict(kinds)}",
        f"shadow: {waiting} behind at the end of the load, done {drained_s:.1f} s later; "
        f"{passed_by(exchanges)} requests begun before one that the primary had got earlier",
        f"operations compared: {verdict.writes}, and {verdict.contested} contested; reads: {dict(verdict.reads)}",
        f"answers that differ: {len(verdict.differing)}",
        f"documents compared: {named} with ids of the clients, {unnamed} by content; that differ: {len(unlike)}",
        sep="\n",
    )
    assert_none([problem for plan in plans for problem in plan.problems])
    assert_none(verdict.differing)
    assert_none(unlike)
    assert_none(differences(expected(plans), own_documents(dumps[0])))
    status = status_of(pair.primary_proxy)
    nothing = dict.fromkeys((*LOSSES, "order_given_up", "copies_missing"), 0)
    assert {name: status[name] for name in nothing} == nothing
    assert status["mirrored"] == len(exchanges) + created
    # Otherwise this would have tested little.
    assert set(kinds) == {"write", "bulk", "refresh", "get", "mget", "search", "count", "load"}
    assert verdict.reads["same"] > len(exchanges) / 4


def create_indices(pair: Pair, names: Names) -> int:
    """Through the proxy; how many requests that took. Every shard has its copy on both clusters."""
    with closing(Elasticsearch([pair.primary_proxy.url], timeout=60, max_retries=0)) as client:
        for index in names.indices:
            aliases: dict[str, dict[str, str]] = {names.alias_of_all: {}}
            if index == names.indices[0]:
                aliases[names.alias] = {}
            # The first one has several shards: what one request writes is not in one place.
            shards = {"number_of_shards": 2} if index == names.indices[0] else {}
            body = {"settings": SETTINGS | shards, "mappings": {"properties": PROPERTIES}, "aliases": aliases}
            client.indices.create(index=index, body=body, wait_for_active_shards="all")
    pair.drain()
    for cluster in (pair.primary, pair.shadow):
        cluster.cluster.health(
            index=f"{names.prefix}-*", wait_for_status="green", timeout=f"{_CREATED_S}s", request_timeout=90
        )
    return len(names.indices)


def logged(pair: Pair, case: str, steps: Sequence[Sequence[Step]]) -> list[Exchange]:
    """Every request that was sent, as both logs have it, each once and under the same identifier."""
    sent = {f"{client}/{step.number}": (client, step) for client, each in enumerate(steps) for step in each}
    primary, shadow = (
        entries_of(proxy, case, len(sent)) for proxy in (pair.primary_proxy, pair.shadow_proxy)
    )
    by_id = {entry["_id"]: entry for entry in shadow}
    assert len(shadow) == len(by_id) == len(primary) == len(sent)
    exchanges = []
    for entry in primary:
        other = by_id[entry["_id"]]
        assert request_of(other) == request_of(entry)
        client, step = sent.pop(header_of(entry, STEP_HEADER))
        exchanges.append(Exchange(client, step, answer_of(entry), answer_of(other)))
    return exchanges


def entries_of(proxy: Proxy, case: str, count: int) -> list[Entry]:
    """The lines of a log, once there are ``count``."""
    poll("the log", lambda: status_of(proxy)["captured"] >= count, _LOGGED_S, every_s=0.2)

    def written() -> list[Entry] | None:
        entries = entries_by_case(proxy).get(case, [])
        return entries if len(entries) >= count else None

    return poll(f"{count} lines in the log", written, _LOGGED_S, every_s=1)


def header_of(entry: Entry, name: str) -> str:
    return next(value for field, value in fields(entry["request"]) if field.lower() == name)


def answer_of(entry: Entry) -> Answer:
    began = datetime.fromisoformat(entry["startedDateTime"]).timestamp()
    body = json.loads(response_body(entry))
    return Answer(entry["response"]["status"], body, began, began + entry["time"] / 1000)


def passed_by(exchanges: Sequence[Exchange]) -> int:
    """Requests that the shadow began before another one that the primary had got earlier."""
    passed, latest = 0, 0.0
    for exchange in sorted(exchanges, key=lambda exchange: exchange.primary.began):
        passed += exchange.shadow.began < latest
        latest = max(latest, exchange.shadow.began)
    return passed


def assert_none(faults: Sequence[str]) -> None:
    """The first ones are enough to read."""
    assert not faults, "\n".join((f"{len(faults)}:", *faults[:5]))


def expected(plans: Sequence[Plan]) -> Dump:
    """What the clients know to be there."""
    dump = Dump()
    for plan in plans:
        dump.unnamed.update(plan.unnamed)
        for key, state in plan.history.documents().items():
            assert state.version is not None
            dump.named[key] = Document(state.version, plan.routing(key), state.source or {})
    return dump


def own_documents(dump: Dump) -> Dump:
    """Without those whose last writer is decided by the primary."""
    named = {key: document for key, document in dump.named.items() if not key.id.startswith("contested:")}
    return Dump(named, dump.unnamed)
