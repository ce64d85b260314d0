"""What other users of the machine put where we keep things is refused, and what we keep there is out of their reach."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.cloudwatch_package import cloudwatch_package
from capture.console import Console
from capture.demo.lease import leased, lock_path
from capture.errors import ExitCode, UserError
from capture.local_engine import LocalEngine
from capture.private_folder import check_private, make_private
from capture.workspace import MARKER, staged_workspace
from tests.unit.other_user import OTHER, as_other, needs_root, public_folder

LOCK = 'flock --nonblock "$1" true'
MAKE = 'mkdir "$1" && touch "$1/$2"'
READ = 'cat "$1"'
REPLACE = 'mv "$1" "$1.away"'
DENIED = re.compile("Permission denied|not permitted")


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        act()
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


def hold(folder: Path) -> None:
    with leased("demo", folder) as lease:
        assert lease is not None


def fill(workspace: Path) -> None:
    with staged_workspace(workspace) as staging:
        (staging / "secret").write_text("x")


def test_nobody_else_can_hold_the_demos_lock(tmp_path: Path) -> None:
    needs_root()
    folder = public_folder(tmp_path)
    with leased("demo", folder) as lease:
        assert lease is not None
        lease.set_kept(True)
        path = lock_path("demo", folder)
        assert path.stat().st_mode & 0o777 == 0o600
    # It is still there, and free.
    assert DENIED.search(as_other(LOCK, str(path)).stderr)
    hold(folder)


def test_a_lock_of_another_user_is_refused_and_told(tmp_path: Path) -> None:
    needs_root()
    folder = public_folder(tmp_path)
    path = lock_path("demo", folder)
    done = as_other('umask 0; touch "$1"', str(path))
    assert done.returncode == 0, done.stderr
    assert "belongs to another user (nobody)" in refusal(lambda: hold(folder))
    assert path.stat().st_uid == OTHER


def test_a_lock_that_is_open_to_all_a_link_or_no_file_is_refused(tmp_path: Path) -> None:
    path = lock_path("demo", tmp_path)
    path.touch()
    path.chmod(0o666)
    assert "can be written by all users" in refusal(lambda: hold(tmp_path))
    path.unlink()
    precious = tmp_path / "precious"
    precious.write_text("x")
    path.hardlink_to(precious)
    assert "no file of its own" in refusal(lambda: hold(tmp_path))
    path.unlink()
    path.symlink_to(precious)
    assert "is a symbolic link" in refusal(lambda: hold(tmp_path))
    path.unlink()
    os.mkfifo(path)
    assert "no file of its own" in refusal(lambda: hold(tmp_path))
    assert precious.read_text() == "x"


def test_a_place_where_every_user_may_exchange_things_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    assert "every user may exchange it" in refusal(lambda: hold(folder))
    assert "every user may exchange it" in refusal(lambda: fill(folder / "workspace"))
    assert list(folder.iterdir()) == []


def test_a_workspace_of_another_user_is_refused_and_left_alone(tmp_path: Path) -> None:
    needs_root()
    folder = public_folder(tmp_path)
    done = as_other(MAKE, str(folder / "workspace"), MARKER)
    assert done.returncode == 0, done.stderr
    assert "belongs to another user (nobody)" in refusal(lambda: fill(folder / "workspace"))
    assert [path.name for path in (folder / "workspace").iterdir()] == [MARKER]
    linked = folder / "linked"
    linked.symlink_to(tmp_path)
    assert "not a folder" in refusal(lambda: fill(linked))


def test_what_is_in_the_workspace_is_nobody_elses(tmp_path: Path) -> None:
    needs_root()
    workspace = public_folder(tmp_path) / "new" / "workspace"
    fill(workspace)
    assert workspace.stat().st_mode & 0o777 == 0o700
    assert DENIED.search(as_other(READ, str(workspace / "secret")).stderr)
    assert DENIED.search(as_other(REPLACE, str(workspace)).stderr)
    fill(workspace)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775])
def test_a_workspace_of_ours_is_replaced_whatever_its_mode_was(tmp_path: Path, mode: int) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    workspace.chmod(mode)
    fill(workspace)
    assert workspace.stat().st_mode & 0o777 == 0o700


def test_folders_are_made_for_us_alone_and_refused_when_they_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private(folder, "it")
    assert folder.stat().st_mode & 0o777 == 0o700
    make_private(folder, "it")
    folder.chmod(0o777)
    assert "can be written by all users" in refusal(lambda: make_private(folder, "it"))
    (tmp_path / "link").symlink_to(folder)
    assert "is a symbolic link" in refusal(lambda: make_private(tmp_path / "link", "it"))
    check_private(tmp_path / "away", "it")


def test_an_engine_does_not_start_in_somebody_elses_folder(tmp_path: Path) -> None:
    needs_root()
    folder = tmp_path / "engine"
    folder.mkdir()
    os.chown(folder, OTHER, OTHER)
    engine = LocalEngine(folder, lambda _line: None)
    for act in (engine.keep, engine.stop, engine.daemon.start, lambda: engine.used().__enter__()):
        assert "the local engine's folder" in refusal(act)
    assert list(folder.iterdir()) == []


def test_a_package_is_not_taken_from_somebody_elses_cache(tmp_path: Path) -> None:
    needs_root()
    cache = tmp_path / "cluster-traffic-capture" / "cloudwatch-agent"
    cache.mkdir(parents=True)
    os.chown(cache, OTHER, OTHER)
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    url = "http://127.0.0.1:1/agent.deb"
    assert "cache" in refusal(lambda: cloudwatch_package(url, "amd64", environment, Console()))
