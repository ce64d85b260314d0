"""Which exchange is offered when."""

from tee.captured import Copy
from tee.kept import Ended, Kept
from tests.unit.tee_room import FakeRoom


def ended(number: int, size: int = 0) -> Ended:
    room = FakeRoom(1000)
    request, response = Copy(room), Copy(room)
    if size:
        request.add(b"x" * size)
    return Ended(number, request, response)


def offered(kept: Kept) -> list[int]:
    numbers = []
    while (one := kept.offer()) is not None:
        numbers.append(one.number)
    return numbers


def keep(kept: Kept, *numbers: int) -> None:
    for number in numbers:
        kept.add(ended(number))


def test_in_the_order_of_their_end_so_many_at_once() -> None:
    kept = Kept(100, offered=3, offered_bytes=0)
    keep(kept, 4, 2, 9, 1)
    assert offered(kept) == [4, 2, 9]
    acknowledged = kept.acknowledge(2)
    assert acknowledged is not None
    assert acknowledged.number == 2
    assert offered(kept) == [1]
    assert len(kept) == 3


def test_what_was_not_offered_is_not_acknowledged() -> None:
    kept = Kept(100, offered=1, offered_bytes=0)
    keep(kept, 1, 2)
    assert offered(kept) == [1]
    assert kept.acknowledge(2) is None
    assert kept.acknowledge(77) is None
    assert kept.acknowledge(1) is not None
    assert kept.acknowledge(1) is None
    assert offered(kept) == [2]


def test_another_agent_is_offered_the_unacknowledged_ones_first() -> None:
    kept = Kept(100, offered=3, offered_bytes=0)
    keep(kept, 1, 2, 3, 4, 5)
    assert offered(kept) == [1, 2, 3]
    kept.acknowledge(2)
    kept.start_over()
    keep(kept, 6)
    assert offered(kept) == [1, 3, 4]
    kept.start_over()
    assert offered(kept) == [1, 3, 4]


def test_offered_copies_take_so_much_memory_only_but_for_a_single_one() -> None:
    kept = Kept(100, offered=10, offered_bytes=5000)
    for number, size in ((1, 9000), (2, 2000), (3, 2000), (4, 2000)):
        kept.add(ended(number, size))
    assert offered(kept) == [1]
    kept.acknowledge(1)
    assert offered(kept) == [2, 3]
    kept.acknowledge(3)
    assert offered(kept) == [4]
    kept.start_over()
    assert offered(kept) == [2, 4]


def test_full_at_the_bound_whatever_is_offered() -> None:
    kept = Kept(2, offered=1, offered_bytes=0)
    full = []
    keep(kept, 1)
    full.append(kept.full)
    keep(kept, 2)
    full.append(kept.full)
    offered(kept)
    full.append(kept.full)
    kept.acknowledge(1)
    full.append(kept.full)
    assert full == [False, True, True, False]
