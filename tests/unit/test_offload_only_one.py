"""One of it at a time, also when what started it is gone."""

import os
import subprocess
from pathlib import Path

from offload.only_one import OnlyOne


def test_one_that_was_left_alone_is_ended(tmp_path: Path) -> None:
    first = OnlyOne(tmp_path / "lock")
    left = subprocess.Popen(("sleep", "60"), pass_fds=(first.fd,))
    first.is_now(left.pid)
    # As when its parent dies.
    os.close(first.fd)
    second = OnlyOne(tmp_path / "lock")
    assert left.wait(10) == -9
    os.close(second.fd)


def test_nobody_is_hurt_when_none_is_left(tmp_path: Path) -> None:
    first = OnlyOne(tmp_path / "lock")
    ended = subprocess.Popen(("true",), pass_fds=(first.fd,))
    first.is_now(ended.pid)
    ended.wait()
    os.close(first.fd)
    os.close(OnlyOne(tmp_path / "lock").fd)
