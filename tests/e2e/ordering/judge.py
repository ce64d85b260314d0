"""Holds the shadow's answers against the primary's, and says which reads may differ. No I/O."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.ordering.history import History, Hits, State
from tests.e2e.ordering.steps import Read, Step, outcomes, seen


@dataclass(frozen=True)
class Answer:
    """What a log says of a request. ``began``, ``ended``: seconds since 1970."""

    status: int
    body: Any = field(repr=False)
    began: float
    ended: float


@dataclass(frozen=True)
class Exchange:
    """A request of a client's, on both clusters."""

    client: int
    step: Step
    primary: Answer
    shadow: Answer


@dataclass
class Verdict:
    """What was compared."""

    writes: int = 0
    """Operations of which both clusters say the same; bulks' items count one by one."""
    contested: int = 0
    """Operations on documents that several clients write."""
    reads: Counter[str] = field(default_factory=Counter)
    """``same``: both clusters gave the same; ``newer``: of a contested document, new enough on both; ``overtaken``: a later
    write of the same client was under way on the shadow, so that the read could see it there."""
    differing: list[str] = field(default_factory=list)
    """What only a fault explains."""


def judge(exchanges: Sequence[Exchange], histories: Sequence[History]) -> Verdict:
    """Compare all of them. ``histories``: the clients', by their numbers."""
    verdict = Verdict()
    began = {(exchange.client, exchange.step.number): exchange.shadow.began for exchange in exchanges}
    for exchange in exchanges:
        step = exchange.step
        if step.contested:
            verdict.contested += len(step.operations)
            continue
        if exchange.primary.status != exchange.shadow.status and not step.reads:
            _differs(verdict, exchange, exchange.primary.status, exchange.shadow.status)
            continue
        pair = (outcomes(step, answer.status, answer.body) for answer in (exchange.primary, exchange.shadow))
        ours, theirs = pair
        if len(ours) != len(theirs):
            _differs(verdict, exchange, ours, theirs)
        for one, other in zip(ours, theirs, strict=False):
            if one == other:
                verdict.writes += 1
            else:
                _differs(verdict, exchange, one, other)
        history = histories[exchange.client]
        for read, primary, shadow in _reads(exchange):
            kind = _kind(exchange, read, primary, shadow, history, began)
            verdict.reads[kind] += 1
            if kind == "differing":
                _differs(verdict, exchange, f"{read.key} {primary}", shadow)
    return verdict


def _reads(exchange: Exchange) -> Iterator[tuple[Read, State, State]]:
    step = exchange.step
    if step.reads:
        both = (seen(step, answer.body) for answer in (exchange.primary, exchange.shadow))
        yield from zip(step.reads, *both, strict=True)


def _kind(
    exchange: Exchange,
    read: Read,
    primary: State,
    shadow: State,
    history: History,
    began: Mapping[tuple[int, int], float],
) -> str:
    if read.newer_too:
        return "newer" if read.accepts(primary) and read.accepts(shadow) else "differing"
    if primary == shadow:
        return "same"
    for number, state in history.after(read.key, exchange.step.number):
        # Nothing waits for a read.
        if began[exchange.client, number] <= exchange.shadow.ended and _on_the_way(primary, state, shadow):
            return "overtaken"
    return "differing"


def _on_the_way(before: State, after: State, shadow: State) -> bool:
    """Whether a write that made ``after`` of ``before`` may have been seen as ``shadow``: of a bulk's documents a search may find some."""
    if isinstance(before, Hits) and isinstance(after, Hits) and isinstance(shadow, Hits):
        return min(before.total, after.total) <= shadow.total <= max(before.total, after.total)
    return shadow == after


def _differs(verdict: Verdict, exchange: Exchange, primary: object, shadow: object) -> None:
    verdict.differing.append(f"client {exchange.client}, {exchange.step}: {primary}, on the shadow {shadow}")
