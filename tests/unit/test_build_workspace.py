"""The workspace is replaced as a whole or not at all, and never when it is not ours."""

from pathlib import Path

import pytest

from capture.errors import ExitCode, UserError
from capture.workspace import MARKER, keep_failed, staged_workspace


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != MARKER}


def fill(workspace: Path, text: str, error: BaseException | None = None, *, keep: bool = False) -> None:
    with staged_workspace(workspace) as staging:
        (staging / "file").write_text(text)
        if keep:
            keep_failed(staging, workspace)
        if error is not None:
            raise error


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    workspace = tmp_path / "new" / "workspace"
    with staged_workspace(workspace) as staging:
        (staging / "first").write_text("1")
    with staged_workspace(workspace) as staging:
        (staging / "second").write_text("2")
        assert content(workspace) == {"first": "1"}
    assert content(workspace) == {"second": "2"}
    assert list(workspace.parent.iterdir()) == [workspace]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_a_failure_the_workspace_is_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    workspace = tmp_path / "workspace"
    fill(workspace, "old")
    with pytest.raises(error):
        fill(workspace, "new", error())
    assert content(workspace) == {"file": "old"}
    assert list(tmp_path.iterdir()) == [workspace]


def test_a_first_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), staged_workspace(tmp_path / "a" / "b" / "workspace"):
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    fill(workspace, "x")
    assert content(workspace) == {"file": "x"}


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UserError, match="not ours") as caught, staged_workspace(tmp_path):
        pass
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert content(tmp_path) == {"precious": "x"}


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="not a folder"), staged_workspace(tmp_path / "link"):
        pass


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for workspace in (tmp_path / "file", tmp_path / "file" / "workspace", Path("/proc/workspace")):
        with pytest.raises(UserError) as caught, staged_workspace(workspace):
            pass
        assert caught.value.exit_code == ExitCode.BAD_INPUT


def test_what_a_failed_build_was_made_from_is_kept_beside_the_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    fill(workspace, "old")
    failed = tmp_path / "workspace.failed"
    for attempt in ("1", "2"):
        with pytest.raises(ValueError, match="x"):
            fill(workspace, attempt, ValueError("x"), keep=True)
        assert content(failed) == {"file": attempt}
    assert content(workspace) == {"file": "old"}
    assert sorted(tmp_path.iterdir()) == [workspace, failed]
