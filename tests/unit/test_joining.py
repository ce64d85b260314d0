"""HAProxy's news and the tee's copies, in any order, late, twice or never: every transaction is told once, and every copy is used or released once."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from agent.copied import Copied
from agent.joining import Copy, Joining
from agent.lease import Lease
from record.transaction import Transaction

SECOND = 10**9


class Driven:
    """A `Joining`, and what became of everything that it was told."""

    def __init__(self) -> None:
        self.joining = Joining()
        self.now_ns = 0
        self.with_copy: list[bytes] = []
        self.without: list[bytes] = []
        self.released: Counter[int] = Counter()
        self.used: list[int] = []
        self.copies = 0

    def end(self, identifier: bytes) -> None:
        transaction = Transaction(identifier)
        if (copy := self.joining.end(transaction, self.now_ns)) is not None:
            self._joined(identifier, copy)

    def copy(self, identifier: bytes) -> None:
        number, self.copies = self.copies, self.copies + 1
        copied = Copied(identifier, None, None, None, number)
        copy = Copy(copied, Lease(self._release(number)))
        if (transaction := self.joining.copy(copy, self.now_ns)) is not None:
            assert transaction.id == identifier
            self._joined(identifier, copy)

    def look(self) -> None:
        self.without += [transaction.id for transaction in self.joining.overdue(self.now_ns)]
        for copy in self.joining.unclaimed_copies(self.now_ns):
            copy.lease.release()

    def _joined(self, identifier: bytes, copy: Copy) -> None:
        assert copy.copied.id == identifier
        self.with_copy.append(identifier)
        self.used.append(copy.copied.last_us)
        copy.lease.release()

    def _release(self, number: int) -> Callable[[], None]:
        def released() -> None:
            self.released[number] += 1

        return released


EVENTS = st.lists(
    st.one_of(
        # Each exchange ends once; its copy may be offered again after a lost connection.
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("copy"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from((1, 9, 11, 599, 601))),
    ),
    max_size=40,
)


@given(EVENTS)
def test_everything_is_joined_or_ended_without_exactly_once(events: list[tuple[str, int]]) -> None:
    driven, ended = Driven(), set[bytes]()
    for kind, number in events:
        identifier = b"id-%d" % number
        if kind == "wait":
            driven.now_ns += number * SECOND
            driven.look()
        elif kind == "copy":
            driven.copy(identifier)
        elif identifier not in ended:
            ended.add(identifier)
            driven.end(identifier)
    # Everything that still waits is given up in the end.
    driven.now_ns += 10_000 * SECOND
    driven.look()
    assert Counter(driven.with_copy + driven.without) == Counter(ended)
    assert driven.released == Counter(range(driven.copies))
    assert len(driven.used) == len(driven.with_copy)
    assert driven.joining.missing == len(driven.without)
    assert len(driven.joining) == 0


@given(st.permutations([(kind, number) for kind in ("end", "copy") for number in range(5)]))
def test_within_time_nothing_is_missing_whichever_comes_first(events: list[tuple[str, int]]) -> None:
    driven = Driven()
    for kind, number in events:
        driven.now_ns += SECOND // 10
        (driven.end if kind == "end" else driven.copy)(b"id-%d" % number)
        driven.look()
    assert sorted(driven.with_copy) == [b"id-%d" % number for number in range(5)]
    assert driven.joining.missing == driven.joining.unclaimed == 0


def test_stopping_ends_those_that_wait_and_knows_their_copies_when_they_come() -> None:
    driven = Driven()
    driven.end(b"waits")
    assert [transaction.id for transaction in driven.joining.abandon()] == [b"waits"]
    driven.copy(b"waits")
    assert driven.released == {0: 1}
    assert driven.joining.missing == 1
