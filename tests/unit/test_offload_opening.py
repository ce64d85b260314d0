"""What the proxy's user can't read the offload does not read for it."""

import os
from pathlib import Path

import pytest

from offload.opening import for_the_real_user, no_link


@pytest.mark.parametrize(("mode", "refused"), [(0o600, True), (0o640, True), (0o604, False), (0o644, False)])
def test_a_file_that_the_real_user_cant_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, refused: bool
) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"secret")
    path.chmod(mode)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    monkeypatch.setattr(os, "getgid", lambda: path.stat().st_gid + 1)
    monkeypatch.setattr(os, "getgroups", list)
    if refused:
        with pytest.raises(PermissionError, match="it is no log"):
            for_the_real_user(str(path), os.O_RDONLY)
    else:
        with open(path, "rb", opener=for_the_real_user) as file:
            assert file.read() == b"secret"


def test_the_log_is_read_by_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.log"
    path.touch()
    path.chmod(0o640)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    monkeypatch.setattr(os, "getgid", lambda: path.stat().st_gid)
    open(path, "rb", opener=for_the_real_user).close()


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for opener in (for_the_real_user, no_link):
        with pytest.raises(OSError, match="symbolic links"):
            opener(str(tmp_path / "link"), os.O_RDONLY)
