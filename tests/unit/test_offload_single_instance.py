"""One of it at a time, also when what started it is gone."""

import os
import subprocess
from pathlib import Path

import pytest

from offload.single_instance import AlreadyRunningError, SingleInstance


def test_one_that_was_left_alone_is_ended(tmp_path: Path) -> None:
    first = SingleInstance(tmp_path / "lock")
    left = subprocess.Popen(("sleep", "60"), pass_fds=(first.fd,))
    first.is_now(left.pid)
    # As when its parent dies.
    os.close(first.fd)
    second = SingleInstance(tmp_path / "lock", end_it=True)
    assert left.wait(10) == -9
    os.close(second.fd)


def test_nobody_is_hurt_when_none_is_left(tmp_path: Path) -> None:
    first = SingleInstance(tmp_path / "lock")
    ended = subprocess.Popen(("true",), pass_fds=(first.fd,))
    first.is_now(ended.pid)
    ended.wait()
    os.close(first.fd)
    os.close(SingleInstance(tmp_path / "lock", end_it=True).fd)


def test_one_that_is_not_to_be_ended_stays_the_one(tmp_path: Path) -> None:
    first = SingleInstance(tmp_path / "lock")
    with pytest.raises(AlreadyRunningError):
        SingleInstance(tmp_path / "lock")
    first.close()
    SingleInstance(tmp_path / "lock").close()


@pytest.mark.parametrize("noted", ["", "-1", "0", "1", "x", "4194305"])
def test_only_one_process_is_ended_whatever_stands_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: str
) -> None:
    ended = []

    def kill(pid: int, _signal: int) -> None:
        ended.append(pid)
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", kill)
    only = SingleInstance(tmp_path / "lock")
    (tmp_path / "lock").write_text(noted)
    only._end()
    only.close()
    assert ended == ([4194305] if noted == "4194305" else [])
