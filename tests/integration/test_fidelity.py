"""Whatever a client sends arrives on the shadow as on the primary, is in both capture logs, and is answered as by a plain HAProxy.

The cases are in `fidelity_cases`, what must be so of each of them in `fidelity_checks`. ``make fidelity`` prints the matrix.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from capture.engine import Engine
from tests.integration import fidelity_bodies
from tests.integration.fidelity_cases import Case, cases, refusals
from tests.integration.fidelity_checks import (
    check_client,
    check_log,
    check_primary,
    check_shadow,
    read_log,
)
from tests.integration.fidelity_client import Got, attempt
from tests.integration.fidelity_matrix import Verdict
from tests.integration.proxies import Images, Proxy
from tests.integration.raw_client import RawClient
from tests.integration.rig import LOG_PATH, PATIENT, Entry, Rig, Setting, open_rig, poll, status_of

CASES = list(cases())
REFUSALS = refusals()

# Counters of the agent that count what no request here gives a reason for.
NEVER = (
    "mirror_failed",
    "mirror_dropped",
    "not_mirrored_truncated",
    "not_mirrored_unseen",
    "not_mirrored_unanswered",
    "passed_unacknowledged",
    "ring_dropped",
    "order_given_up",
    "lost_ends",
    "orphan_answers",
    "protocol_errors",
    "capture_dropped",
)

# One file, which is read once. A shadow that hangs in one case does not hold up the others for long.
_ENVIRONMENT = {
    "CAPTURE_MIRROR_DEADLINE_S": "10",
    "CAPTURE_LOG_FILE_BYTES": str(2 << 30),
    "CAPTURE_LOG_TOTAL_BYTES": str(8 << 30),
    **PATIENT,
}


@pytest.fixture(scope="module")
def rig(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[Rig]:
    """One rig for all cases."""
    with open_rig(Setting(docker_engine, images, network, session_id), env=_ENVIRONMENT) as rig:
        yield rig


@dataclass(frozen=True)
class Outcome:
    """What became of a case: a client's view through the plain HAProxy, and through ours."""

    expected: list[Got] | Exception
    got: list[Got] | Exception


@dataclass(frozen=True)
class Outcomes:
    """Of all cases; and the entries of both logs by the request's case."""

    by_name: dict[str, Outcome]
    primary: dict[str, list[Entry]]
    shadow: dict[str, list[Entry]]
    unsettled: str
    """What was waited for in vain, if anything, and both agents' counters; shown with the tests that fail."""


@pytest.fixture(scope="module")
def outcomes(rig: Rig, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """All cases that were selected, the slow ones at once and beside the others; then both logs: to wait for them in each case takes minutes."""
    addresses = rig.reference.address, rig.primary.address

    def play(case: Case) -> Outcome:
        return Outcome(*(attempt(address, case) for address in addresses))

    selected = {item.name for item in request.session.items}
    chosen = [case for case in CASES if f"{test_reaches_both_sides.__name__}[{case.name}]" in selected]
    with ThreadPoolExecutor(len(CASES)) as pool:
        started = {case.name: pool.submit(play, case) for case in chosen if case.slow}
        by_name = {case.name: play(case) for case in chosen if not case.slow}
        by_name |= {name: future.result() for name, future in started.items()}
    count = sum(len(case.requests) for case in chosen)

    def settled() -> bool:
        status = status_of(rig.primary)
        return not status["open_transactions"] and not status["waiting_for_shadow"]

    unsettled = ""
    try:
        poll("the shadow to have had all", settled, 90, every_s=0.1)
        for proxy in (rig.primary, rig.shadow):
            poll("all in the log", lambda proxy=proxy: lines_in_log(proxy) >= count, 10, every_s=0.2)  # type: ignore[misc]
    except AssertionError as error:
        # Then it is some cases that fail, and not all of them.
        unsettled = f"{error}\nprimary: {status_of(rig.primary)}\nshadow: {status_of(rig.shadow)}"
    yield Outcomes(by_name, read_log(rig.primary), read_log(rig.shadow), unsettled)
    fidelity_bodies.forget()


def lines_in_log(proxy: Proxy) -> int:
    """Whole lines that there are."""
    return int(proxy.exec("sh", "-c", f"tr -dc '\\n' < {LOG_PATH} | wc -c"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reaches_both_sides(rig: Rig, outcomes: Outcomes, case: Case, verdict: Verdict) -> None:
    verdict.group = case.group
    print(outcomes.unsettled)
    outcome = outcomes.by_name[case.name]
    with verdict.column("client"):
        check_client(outcome.expected, outcome.got, case)
    for position, sent in enumerate(case.requests):
        reference, primary, shadow = (
            node.by_case(sent.case) for node in (rig.reference_node, rig.primary_node, rig.shadow_node)
        )
        in_primary, in_shadow = (log.get(sent.case, []) for log in (outcomes.primary, outcomes.shadow))
        with verdict.column("primary"):
            check_primary(reference, primary, sent)
        with verdict.column("shadow"):
            check_shadow(primary, shadow, trailers=case.trailers_mirrored)
        for column, cluster, entries in (
            ("primary's log", "primary", in_primary),
            ("shadow's log", "shadow", in_shadow),
        ):
            with verdict.column(column):
                assert isinstance(outcome.expected, list), "no answer to compare with"
                check_log(entries, cluster, case, sent, outcome.expected[position], reference[0])
        with verdict.column("shadow's log"):
            assert [entry["_id"] for entry in in_primary] == [entry["_id"] for entry in in_shadow]
    verdict.conclude()


def test_shadow_had_each_request_without_a_hitch(rig: Rig, outcomes: Outcomes) -> None:
    status = status_of(rig.primary)
    assert outcomes.unsettled == ""
    # Those that the shadow did not answer within the mirror's deadline, too.
    assert {name: status[name] for name in NEVER} == dict.fromkeys(NEVER, 0)


@pytest.mark.parametrize("name", REFUSALS)
def test_is_refused_as_by_a_plain_haproxy(rig: Rig, outcomes: Outcomes, name: str, verdict: Verdict) -> None:
    verdict.group = "refused"
    wire = REFUSALS[name]
    refusals = []
    at_nodes_before = len(rig.primary_node.requests), len(rig.shadow_node.requests)
    lines_before = lines_in_log(rig.primary), lines_in_log(rig.shadow)
    bad_before = status_of(rig.primary)["bad_requests"]
    for proxy in (rig.reference, rig.primary):
        with RawClient(proxy.address) as client:
            client.send(wire)
            refusals.append(client.rest())
    with verdict.column("client"):
        assert refusals[1] == refusals[0]
        assert refusals[0].startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    with verdict.column("primary's log"):
        poll("it to be counted", lambda: status_of(rig.primary)["bad_requests"] == bad_before + 1)
        assert lines_in_log(rig.primary) == lines_before[0]
    with verdict.column("shadow's log"):
        assert lines_in_log(rig.shadow) == lines_before[1]
    with verdict.column("primary"):
        assert len(rig.primary_node.requests) == at_nodes_before[0]
    with verdict.column("shadow"):
        assert len(rig.shadow_node.requests) == at_nodes_before[1]
    verdict.conclude()
