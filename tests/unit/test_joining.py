"""HAProxy's lines and the tee's copies, in any order, late, twice or never: every transaction is told once, and every copy is used or released once."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from agent.copied import Copied
from agent.joining import Copy, Joining
from agent.refcount import RefCount
from record.transaction import Transaction

SECOND = 10**9
HOUR = 3600 * SECOND


class Driven:
    """A `Joining`, and what became of everything that it was told."""

    def __init__(self, max_bytes: int = 1 << 30) -> None:
        self.joining = Joining(max_bytes)
        self.now_ns = 0
        self.with_copy: list[bytes] = []
        self.without: list[bytes] = []
        self.unclaimed: list[bytes] = []
        self.released: Counter[int] = Counter()
        self.used: list[int] = []
        self.copies = 0

    def end(self, identifier: bytes) -> None:
        transaction = Transaction(identifier)
        if (copy := self.joining.end(transaction, self.now_ns)) is not None:
            self._joined(identifier, copy)

    def copy(self, identifier: bytes, last_us: int | None = None) -> None:
        number, self.copies = self.copies, self.copies + 1
        copied = Copied(identifier, None, None, None, number if last_us is None else last_us)
        copy = Copy(copied, RefCount(self._release(number)))
        if (transaction := self.joining.copy(copy, self.now_ns)) is not None:
            assert transaction.id == identifier
            self._joined(identifier, copy)

    def ask(self, *under_way: bytes) -> None:
        self.answer(self.joining.asked(), *under_way)

    def answer(self, question: int, *under_way: bytes) -> None:
        self.without += [transaction.id for transaction in self.joining.answered(question, under_way)]

    def look(self) -> None:
        self.without += [transaction.id for transaction in self.joining.too_many()]
        for copy in self.joining.unclaimed_copies(self.now_ns):
            self.unclaimed.append(copy.copied.id)
            copy.refcount.release()

    def _joined(self, identifier: bytes, copy: Copy) -> None:
        assert copy.copied.id == identifier
        self.with_copy.append(identifier)
        self.used.append(copy.copied.last_us)
        copy.refcount.release()

    def _release(self, number: int) -> Callable[[], None]:
        def released() -> None:
            self.released[number] += 1

        return released


EVENTS = st.lists(
    st.one_of(
        # Each exchange ends once; its copy may be offered again after a lost connection.
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("copy"), st.integers(0, 9)),
        st.tuples(st.just("ask"), st.integers(0, 9)),
        st.tuples(st.just("lost"), st.just(0)),
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
        elif kind == "ask":
            driven.ask(identifier)
        elif kind == "lost":
            driven.joining.lines_lost(1 << 60, driven.now_ns)
        elif identifier not in ended:
            ended.add(identifier)
            driven.end(identifier)
    # Everything that still waits is given up in the end.
    driven.ask()
    driven.joining.lines_lost(1 << 60, driven.now_ns)
    driven.now_ns += 10_000 * SECOND
    driven.look()
    assert Counter(driven.with_copy + driven.without) == Counter(ended)
    assert driven.released == Counter(range(driven.copies))
    assert len(driven.used) == len(driven.with_copy)
    assert driven.joining.missing == len(driven.without)
    assert driven.joining.unclaimed == len(driven.unclaimed)
    assert len(driven.joining) == driven.joining.copies == 0
    assert driven.joining._ended_bytes == driven.joining._copies_bytes == len(driven.joining._doubtful) == 0


@given(st.permutations([(kind, number) for kind in ("end", "copy") for number in range(5)]))
def test_within_time_nothing_is_missing_whichever_comes_first(events: list[tuple[str, int]]) -> None:
    driven = Driven()
    for kind, number in events:
        driven.now_ns += HOUR
        (driven.end if kind == "end" else driven.copy)(b"id-%d" % number)
        driven.look()
    assert sorted(driven.with_copy) == [b"id-%d" % number for number in range(5)]
    assert driven.joining.missing == driven.joining.unclaimed == 0


def test_what_the_tee_has_not_is_waited_for_no_longer() -> None:
    driven = Driven()
    driven.end(b"a")
    driven.end(b"b")
    question = driven.joining.asked()
    driven.end(b"c")
    driven.answer(question)
    # The third one's line came after the question.
    assert driven.without == [b"a", b"b"]
    driven.copy(b"c")
    assert driven.with_copy == [b"c"]


def test_what_is_under_way_is_waited_for() -> None:
    driven = Driven()
    for identifier in (b"a", b"b", b"c"):
        driven.end(identifier)
    for _ in range(100):
        driven.now_ns += HOUR
        driven.ask(b"b")
        driven.look()
    assert driven.without == [b"a", b"c"]
    driven.copy(b"b")
    assert driven.with_copy == [b"b"]


def test_an_answer_tells_nothing_of_what_was_under_way_when_a_later_question_was_asked() -> None:
    driven = Driven()
    driven.end(b"a")
    first, second = driven.joining.asked(), driven.joining.asked()
    driven.answer(first, b"a")
    driven.answer(second, b"a")
    assert driven.without == []
    driven.ask()
    assert driven.without == [b"a"]


def test_the_tee_is_asked_when_a_copy_is_late() -> None:
    joining, asked = Joining(1 << 30), []
    asked.append(joining.is_to_ask(0))
    joining.end(Transaction(b"a"), 0)
    asked.append(joining.is_to_ask(SECOND // 2))
    asked.append(joining.is_to_ask(SECOND))
    assert asked == [False, False, True]


def test_a_line_is_waited_for_as_long_as_its_client_likes() -> None:
    driven = Driven()
    driven.joining.lines_lost(99, 0)
    driven.copy(b"slow", last_us=100)
    driven.now_ns += 24 * HOUR
    driven.look()
    assert driven.unclaimed == []
    driven.end(b"slow")
    assert driven.with_copy == [b"slow"]


def test_a_line_that_may_be_lost_is_waited_for_ten_minutes() -> None:
    driven = Driven()
    driven.copy(b"before", last_us=100)
    driven.joining.lines_lost(100, 0)
    driven.copy(b"offered later", last_us=90)
    driven.copy(b"after", last_us=101)
    driven.now_ns += 599 * SECOND
    # Again: what waits already waits no longer for that.
    driven.joining.lines_lost(100, driven.now_ns)
    driven.look()
    assert driven.unclaimed == []
    driven.now_ns += SECOND
    driven.look()
    assert driven.unclaimed == [b"before", b"offered later"]


def test_beyond_the_memory_for_them_the_oldest_are_given_up() -> None:
    driven = Driven(max_bytes=10_000)
    for number in range(12):
        driven.end(b"transaction-%d" % number)
        driven.copy(b"copy-%d" % number)
    driven.look()
    assert driven.without == [b"transaction-%d" % number for number in range(2)]
    assert driven.unclaimed == [b"copy-%d" % number for number in range(8)]


def test_stopping_ends_those_that_wait_and_knows_their_copies_when_they_come() -> None:
    driven = Driven()
    driven.end(b"waits")
    assert [transaction.id for transaction in driven.joining.abandon()] == [b"waits"]
    driven.copy(b"waits")
    assert driven.released == {0: 1}
    assert driven.joining.missing == 1
