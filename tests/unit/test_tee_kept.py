"""Which exchange is offered when, and when a question is answered."""

import pytest

from tee.blocks import BLOCK_BYTES
from tee.captured import Copy
from tee.handover import Answer
from tee.kept import Ended, Kept
from tests.unit.tee_room import FakeRoom
from tests.unit.test_tee_captured import feed


def ended(number: int, blocks: int = 0, inline: int = 0) -> Ended:
    room = FakeRoom(1000)
    request, response = Copy(room), Copy(room)
    feed(request, b"x" * (blocks * BLOCK_BYTES))
    feed(response, b"y" * inline)
    request.end("end")
    response.end("end")
    return Ended(number, request, response)


def offered(kept: Kept) -> list[int]:
    numbers = []
    while (one := kept.offer()) is not None:
        numbers.append(one.number)
    return numbers


def make(blocks: int = 0, *, can_move: bool = True) -> Kept:
    return Kept(blocks * BLOCK_BYTES, lambda: can_move)


def keep(kept: Kept, *numbers: int, blocks: int = 0) -> None:
    for number in numbers:
        kept.add(ended(number, blocks))


def move(kept: Kept, one: Ended) -> None:
    """To the spool."""
    for block in one.request._blocks:
        block.place = "spool"
    kept.reconsider()


def test_what_has_no_blocks_in_memory_is_offered_at_once_however_much_there_is() -> None:
    kept = make()
    everything = [ended(number, inline=16_384) for number in range(10_000)]
    for one in everything:
        kept.add(one)
    assert offered(kept) == list(range(10_000))
    assert len(kept) == 10_000


def test_in_the_order_of_their_end() -> None:
    kept = make()
    keep(kept, 4, 2, 9, 1)
    assert offered(kept) == [4, 2, 9, 1]
    acknowledged = kept.acknowledge(2)
    assert acknowledged is not None
    assert acknowledged.number == 2
    assert len(kept) == 3


def test_what_was_not_offered_is_not_acknowledged() -> None:
    kept = make(1)
    keep(kept, 1, 2, blocks=1)
    assert offered(kept) == [1]
    assert kept.acknowledge(2) is None
    assert kept.acknowledge(77) is None
    assert kept.acknowledge(1) is not None
    assert kept.acknowledge(1) is None
    assert offered(kept) == [2]


def test_another_agent_is_offered_the_unacknowledged_ones_first() -> None:
    kept = make(3)
    keep(kept, 1, 2, 3, 4, 5, blocks=1)
    assert offered(kept) == [1, 2, 3]
    kept.acknowledge(2)
    kept.start_over()
    keep(kept, 6, blocks=1)
    assert offered(kept) == [1, 3, 4]
    kept.start_over()
    assert offered(kept) == [1, 3, 4]


def test_blocks_stay_in_memory_for_so_much_only_and_the_others_are_offered_from_the_spool() -> None:
    kept = make(2)
    exchanges = [ended(number, blocks=1, inline=2000) for number in range(1, 5)]
    for one in exchanges:
        kept.add(one)
    assert offered(kept) == [1, 2]
    move(kept, exchanges[2])
    move(kept, exchanges[3])
    # Nothing has been acknowledged.
    assert offered(kept) == [3, 4]


def test_what_cant_be_moved_is_offered_from_memory() -> None:
    kept = make(1, can_move=False)
    keep(kept, 1, 2, 3, blocks=2)
    assert offered(kept) == [1, 2, 3]


def test_a_tee_that_stops_offers_everything() -> None:
    kept = make(1)
    keep(kept, 1, 2, 3, blocks=1)
    assert offered(kept) == [1]
    kept.offer_all()
    assert offered(kept) == [2, 3]


@pytest.mark.parametrize("late", [0, 1])
def test_a_question_is_answered_behind_what_had_ended_when_it_was_asked(late: int) -> None:
    kept = make(1)
    exchanges = [ended(number, blocks=1) for number in (1, 2)]
    for one in exchanges:
        kept.add(one)
    first, second = Answer(7, (b"a",)), Answer(8, ())
    kept.answer_later(first)
    keep(kept, *range(3, 3 + late))
    kept.answer_later(second)
    assert offered(kept) == [1]
    assert kept.answer() is None
    move(kept, exchanges[1])
    kept.offer()
    assert kept.answer() == first
    if late:
        assert kept.answer() is None
        assert offered(kept) == [3]
    assert kept.answer() == second
    assert kept.answer() is None


def test_another_agent_gets_no_answers_to_the_questions_of_the_one_before() -> None:
    kept = make(1)
    keep(kept, 1)
    kept.answer_later(Answer(7, ()))
    kept.start_over()
    kept.answer_later(Answer(1, ()))
    assert kept.answer() is None
    assert offered(kept) == [1]
    assert kept.answer() == Answer(1, ())
