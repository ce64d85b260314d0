"""The file of requests that a stopping agent had not mirrored."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.footprints.footprint import EVERYTHING, NOTHING, Documents, Footprint
from agent.mirror_connection import Job
from agent.unsent import UnsentFile, dump_rows, load_jobs, load_rows, rows_of

HEAD = b"POST /i/_doc HTTP/1.1\r\nauthorization: Basic c2VjcmV0\r\n\r\n"


def jobs_of(count: int) -> list[Job]:
    return [
        Job(HEAD + b"%d" % number, False, number - 1, number, EVERYTHING) for number in range(1, count + 1)
    ]


def messages(jobs: list[Job]) -> list[bytes]:
    return [job.message for job in jobs]


def finish(jobs: list[Job]) -> None:
    for job in jobs:
        assert job.done is not None
        job.done()


@given(
    st.lists(
        st.tuples(st.binary(max_size=50), st.booleans(), st.integers(0, 30), st.integers(1, 30)), max_size=10
    )
)
def test_each_request_still_waits_for_the_same_ones(rows: list[tuple[bytes, bool, int, int]]) -> None:
    by_completion = {row[3]: row for row in rows}
    jobs = [
        Job(HEAD + message, head, min(earlier, completion - 1), completion, EVERYTHING)
        for completion, (message, head, earlier, _) in sorted(by_completion.items())
    ]
    kept, damaged = load_rows(dump_rows(rows_of(jobs)))
    loaded = load_jobs(kept)
    assert not damaged
    assert [(job.message, job.head) for job in loaded] == [(job.message, job.head) for job in jobs]
    assert [job.completion for job in loaded] == list(range(1, len(jobs) + 1))
    for before, after in zip(jobs, loaded, strict=True):
        waited_for = {
            i for i, other in enumerate(jobs, start=1) if other.completion <= before.earlier_completions
        }
        assert set(range(1, after.earlier_completions + 1)) == waited_for


def test_the_file_is_taken_once(tmp_path: Path) -> None:
    file = UnsentFile(tmp_path / "unsent", 1 << 20)
    file.keep([Job(HEAD, False, 4, 7, EVERYTHING)])
    jobs = file.take()
    assert messages(jobs) == [HEAD]
    assert not jobs[0].perhaps_repeated
    finish(jobs)
    assert list(tmp_path.iterdir()) == []
    assert file.take() == []


def test_nothing_left_makes_no_file(tmp_path: Path) -> None:
    UnsentFile(tmp_path / "unsent", 1 << 20).keep([])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_nobody_else_can_read_the_requests_or_their_credentials(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        file = UnsentFile(tmp_path / "unsent", 1 << 20)
        file.keep(jobs_of(1))
        assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
        file.take()
        assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    finally:
        os.umask(before)


def test_a_link_in_the_folder_leads_nobodys_requests_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    (tmp_path / "unsent").symlink_to(elsewhere)
    (tmp_path / "unsent.new").symlink_to(elsewhere)
    UnsentFile(tmp_path / "unsent", 1 << 20).keep(jobs_of(1))
    assert elsewhere.read_bytes() == b""
    assert not (tmp_path / "unsent").is_symlink()


def test_an_agent_that_is_killed_leaves_what_it_had_taken_as_perhaps_repeated(tmp_path: Path) -> None:
    path = tmp_path / "unsent"
    UnsentFile(path, 1 << 20).keep(jobs_of(3))
    killed = UnsentFile(path, 1 << 20).take()
    finish(killed[:1])
    jobs = UnsentFile(path, 1 << 20).take()
    assert messages(jobs) == messages(killed)
    assert [job.perhaps_repeated for job in jobs] == [True] * 3
    finish(jobs)
    assert list(tmp_path.iterdir()) == []


def test_what_was_taken_and_not_sent_is_kept_again_and_not_as_repeated(tmp_path: Path) -> None:
    path = tmp_path / "unsent"
    UnsentFile(path, 1 << 20).keep(jobs_of(3))
    second = UnsentFile(path, 1 << 20)
    taken = second.take()
    finish(taken[:1])
    second.keep(taken[1:])
    finish(taken[1:])
    jobs = UnsentFile(path, 1 << 20).take()
    assert messages(jobs) == messages(taken[1:])
    assert not any(job.perhaps_repeated for job in jobs)


def test_one_that_the_shadow_may_have_had_is_marked_for_good(tmp_path: Path) -> None:
    path = tmp_path / "unsent"
    jobs = jobs_of(2)
    jobs[0].perhaps_repeated = True
    UnsentFile(path, 1 << 20).keep(jobs)
    assert [job.perhaps_repeated for job in UnsentFile(path, 1 << 20).take()] == [True, False]


def test_a_tear_costs_the_torn_request_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "unsent"
    UnsentFile(path, 1 << 20).keep(jobs_of(1000))
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    with caplog.at_level(logging.ERROR):
        jobs = UnsentFile(path, 1 << 20).take()
    assert messages(jobs) == messages(jobs_of(999))
    assert "1 requests of an earlier run can't be mirrored" in caplog.text


@pytest.mark.parametrize(
    "line",
    [b"nonsense\n", b'{"position": 1}\n', b"[1]\n", b"\xff\n", b"\n", json.dumps({"position": "1", "earlierCompletions": 0, "head": False, "message": "DQoNCg=="}).encode() + b"\n"],
)  # fmt: skip
def test_a_damaged_line_costs_itself_alone(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "unsent"
    UnsentFile(path, 1 << 20).keep(jobs_of(2))
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + second)
    assert messages(UnsentFile(path, 1 << 20).take()) == messages(jobs_of(2))


class Body:
    """A body in a copy that can be read only in part."""

    chunked = False
    framed_bytes = 10

    def framed(self) -> Iterator[bytes]:
        yield b"12345"


def test_a_request_whose_body_has_become_shorter_would_swallow_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "unsent"
    jobs = jobs_of(2)
    jobs[0].body = Body()
    UnsentFile(path, 1 << 20).keep(jobs)
    assert messages(UnsentFile(path, 1 << 20).take()) == messages(jobs[1:])


def test_a_disk_that_refuses_leaves_what_was_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "unsent"
    UnsentFile(path, 1 << 20).keep(jobs_of(2))
    file = UnsentFile(path, 1 << 20)
    taken = file.take()
    # Something stands in the way of the new file.
    (tmp_path / "unsent.new").mkdir()
    with caplog.at_level(logging.ERROR):
        file.keep(taken)
    assert "can't be kept" in caplog.text
    (tmp_path / "unsent.new").rmdir()
    assert messages(UnsentFile(path, 1 << 20).take()) == messages(jobs_of(2))


def test_the_bound_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = UnsentFile(tmp_path / "unsent", 3 * len(HEAD))
    with caplog.at_level(logging.ERROR):
        file.keep(jobs_of(5))
    assert len(file.take()) == 2
    assert "3 requests are not mirrored" in caplog.text


@pytest.mark.parametrize(
    "footprint", [NOTHING, EVERYTHING, Footprint(writes_documents=(Documents(b"i", (b"1", b"\xff")),))]
)
def test_what_a_request_reads_and_writes_is_kept(tmp_path: Path, footprint: Footprint) -> None:
    file = UnsentFile(tmp_path / "unsent", 1 << 20)
    file.keep([Job(HEAD, False, 0, 1, footprint)])
    assert [job.footprint for job in file.take()] == [footprint]


def test_a_file_of_an_earlier_version_keeps_its_order() -> None:
    (row,) = dump_rows(rows_of([Job(HEAD, False, 0, 1, NOTHING)]))
    values = json.loads(row)
    del values["footprint"]
    rows, damaged = load_rows([json.dumps(values).encode() + b"\n"])
    assert (rows[0].footprint, damaged) == (EVERYTHING, 0)


def test_nobody_waits_for_a_request_that_the_primary_never_answered() -> None:
    unanswered = Job(HEAD, False, 1, 0, EVERYTHING)
    rows, _ = load_rows(
        dump_rows(
            rows_of([Job(HEAD, False, 0, 1, EVERYTHING), unanswered, Job(HEAD, False, 2, 3, EVERYTHING)])
        )
    )
    assert [(job.earlier_completions, job.completion) for job in load_jobs(rows)] == [(0, 1), (1, 0), (1, 2)]
