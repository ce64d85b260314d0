"""The key that both images share: made once, and kept by later builds of the same workspace."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from build_docker_images import main
from capture.mirror_key import keep_key, shared_key
from haproxy_config.render import KEY_FILE

PRIMARY = "--primary-nodes es1:9200"
SHADOW = "--shadow-haproxy shadow:81 --shadow-image haproxy-shadow --shadow-nodes es3:9200"


def build(workspace: Path, arguments: str) -> dict[str, str]:
    """Render only; the files that have the key, each with it."""
    result = CliRunner().invoke(main, ["--workspace", str(workspace), "--dry-run", *arguments.split()])
    assert result.exit_code == 0, result.output
    files = {str(path.relative_to(workspace)): path for path in workspace.rglob("*") if path.is_file()}
    key = files[KEY_FILE].read_text().strip()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", key)
    assert key not in result.output
    found = {name: path for name, path in files.items() if key.encode() in path.read_bytes()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in found.values())
    return dict.fromkeys(found, key)


def test_both_images_get_one_key_and_no_other_file_has_it(tmp_path: Path) -> None:
    built = build(tmp_path / "workspace", f"{PRIMARY} {SHADOW}")
    assert built.keys() == {
        KEY_FILE,
        f"docker_config_primary/config/{KEY_FILE}",
        f"docker_config_shadow/config/{KEY_FILE}",
    }
    assert len(set(built.values())) == 1


def test_another_build_keeps_it_and_another_workspace_has_another(tmp_path: Path) -> None:
    first = build(tmp_path / "a", f"{PRIMARY} {SHADOW}")
    # One that mirrors nothing needs none, and does not lose it.
    assert build(tmp_path / "a", PRIMARY) == {KEY_FILE: first[KEY_FILE]}
    assert build(tmp_path / "a", f"{PRIMARY} {SHADOW}") == first
    assert build(tmp_path / "b", f"{PRIMARY} {SHADOW}")[KEY_FILE] != first[KEY_FILE]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_key_that_others_may_have_read_or_written_is_not_kept(tmp_path: Path, mode: int) -> None:
    keep_key(tmp_path, "k" * 43)
    assert shared_key(tmp_path) == "k" * 43
    (tmp_path / KEY_FILE).chmod(mode)
    assert shared_key(tmp_path) != "k" * 43


def test_what_is_no_key_of_ours_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_key(tmp_path, "k" * 43)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert shared_key(tmp_path) != "k" * 43
    monkeypatch.undo()
    (tmp_path / KEY_FILE).write_text("short\n")
    assert len(shared_key(tmp_path)) == 43
    (tmp_path / KEY_FILE).unlink()
    os.mkfifo(tmp_path / KEY_FILE, 0o600)
    assert len(shared_key(tmp_path)) == 43
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / "elsewhere").write_text("k" * 43)
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    assert shared_key(tmp_path) != "k" * 43
