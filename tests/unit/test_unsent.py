"""The file of requests that a stopping agent had not mirrored."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.mirror_connection import Job
from agent.unsent import UnsentFile, dump_jobs, load_jobs


@given(
    st.lists(
        st.tuples(st.binary(max_size=50), st.booleans(), st.integers(0, 30), st.integers(1, 30)), max_size=10
    )
)
def test_each_request_still_waits_for_the_same_ones(rows: list[tuple[bytes, bool, int, int]]) -> None:
    by_completion = {row[3]: row for row in rows}
    jobs = [
        Job(message, head, min(earlier, completion - 1), completion)
        for completion, (message, head, earlier, _) in sorted(by_completion.items())
    ]
    loaded = load_jobs(b"".join(dump_jobs(jobs)))
    assert [(job.message, job.head) for job in loaded] == [(job.message, job.head) for job in jobs]
    assert [job.completion for job in loaded] == list(range(1, len(jobs) + 1))
    for before, after in zip(jobs, loaded, strict=True):
        waited_for = {
            i for i, other in enumerate(jobs, start=1) if other.completion <= before.earlier_completions
        }
        assert set(range(1, after.earlier_completions + 1)) == waited_for


def test_the_file_is_taken_once(tmp_path: Path) -> None:
    file = UnsentFile(tmp_path / "unsent", 1 << 20)
    file.keep([Job(b"GET / HTTP/1.1\r\n\r\n", False, 4, 7)])
    assert [job.message for job in file.take()] == [b"GET / HTTP/1.1\r\n\r\n"]
    assert file.take() == []


def test_nothing_left_makes_no_file(tmp_path: Path) -> None:
    UnsentFile(tmp_path / "unsent", 1 << 20).keep([])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"nonsense\n", b'{"position": 1}\n', b"[1]\n"])
def test_a_damaged_file_stops_nobody(tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "unsent").write_bytes(text)
    with caplog.at_level(logging.ERROR):
        assert UnsentFile(tmp_path / "unsent", 1 << 20).take() == []
    assert "can't be mirrored" in caplog.text
