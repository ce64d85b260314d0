"""The queue of the mirror gives jobs in the order of their positions, however they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.footprints.footprint import EVERYTHING
from agent.mirror_connection import Job
from agent.mirror_queue import MirrorQueue


def job(completion: int) -> Job:
    return Job(b"GET / HTTP/1.1\r\n\r\n", False, 0, completion, EVERYTHING)


@given(st.lists(st.one_of(st.integers(1, 50), st.none())))
def test_it_gives_what_a_sorted_list_would(steps: list[int | None]) -> None:
    queue, model = MirrorQueue(), list[int]()
    for step in steps:
        if step is not None:
            queue.push(job(step))
            model = sorted([*model, step])
        elif model:
            first = queue.first()
            assert first is not None
            assert queue.pop() is first
            assert first.completion == model.pop(0)
        assert len(queue) == len(model)
        following = queue.first()
        assert (following.completion if following else None) == (model[0] if model else None)


def test_nothing_waits_in_an_empty_one() -> None:
    queue = MirrorQueue()
    assert queue.first() is None
    with pytest.raises(IndexError):
        queue.pop()
