"""Which blocks are in use, and what may be given back."""

from hypothesis import given
from hypothesis import strategies as st

from tee.blocks import Blocks


@given(st.lists(st.tuples(st.sampled_from(("take", "give", "shrink")), st.integers(0, 30)), max_size=200))
def test_no_block_is_ever_used_twice_at_once(steps: list[tuple[str, int]]) -> None:
    blocks, used = Blocks(10), set[int]()
    for step, choice in steps:
        if step == "take":
            number = blocks.take()
            if number is None:
                assert len(used) == 10
            else:
                assert number not in used
                assert number < 10
                used.add(number)
        elif step == "give" and used:
            number = sorted(used)[choice % len(used)]
            used.remove(number)
            blocks.give(number)
        elif step == "shrink":
            assert used.isdisjoint(blocks.shrink(choice % 4, keep=choice % 3))
        assert blocks.used == len(used)
        assert all(number < blocks.touched for number in used)


def test_the_lowest_free_block_is_taken() -> None:
    blocks = Blocks(5)
    assert [blocks.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert blocks.full
    for number in (3, 1):
        blocks.give(number)
    assert [blocks.take(), blocks.take(), blocks.take()] == [1, 3, None]


def test_the_free_end_is_given_back_in_parts() -> None:
    blocks = Blocks(10)
    for _ in range(10):
        blocks.take()
    for number in range(2, 10):
        blocks.give(number)
    assert blocks.shrink(3) == range(7, 10)
    assert blocks.shrink(100, keep=4) == range(4, 7)
    assert blocks.shrink(100) == range(2, 4)
    assert blocks.shrink(100) == range(2, 2)
    assert [blocks.take() for _ in range(9)] == [*range(2, 10), None]
