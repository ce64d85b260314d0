"""The workspace: rendered files and build contexts, made beside it and swapped in as a whole.

Whatever fails on the way, the workspace is as it was before.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capture.errors import UserError, bad_input
from capture.private_folder import check_parent, check_private
from capture.settings import BuildSettings
from haproxy_config.render import render_files, write_files
from haproxy_config.settings import ProxySettings

REPOSITORY = Path(__file__).resolve().parent.parent

MARKER = ".cluster-traffic-capture"
"""File that says that a folder is ours, and may be replaced."""

WITH_MIRROR = "haproxy_w_mirror.cfg"
WITHOUT_MIRROR = "haproxy_no_mirror.cfg"

# The packages that run in the containers, and what they read.
_IN_CONTAINERS = ("agent", "tee", "offload", "service", "record", "haproxy_config", "templates")


@contextmanager
def staged_workspace(workspace: Path) -> Iterator[Path]:
    """A new folder that becomes ``workspace`` when the block ends well, and is removed when not.

    Raises:
        UserError: (exit code 2) ``workspace`` can't be written, or is a folder that is not ours.
    """
    workspace = Path(os.path.abspath(workspace))
    _check_ours(workspace)
    staging = _make_staging(workspace)
    try:
        (staging / MARKER).write_text(
            "Made by build_docker_images.py of Cluster Traffic Capture, and replaced by its next run.\n"
        )
        yield staging
        _make_parents(workspace)
        _swap(staging, workspace)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def keep_failed(staging: Path, workspace: Path) -> Path:
    """Keep what a failed build was made from, beside ``workspace``; returns where."""
    failed = Path(f"{os.path.abspath(workspace)}.failed")
    _check_ours(failed)
    _make_parents(failed)
    _swap(staging, failed)
    return failed


def copy_docker_files(staging: Path, settings: BuildSettings) -> None:
    """Copy the build contexts of the images, without what depends on the user's nodes."""
    roles = ("base", "primary", "shadow") if settings.mirrors else ("base", "primary")
    for role in roles:
        _copy(REPOSITORY / f"docker_config_{role}", staging / f"docker_config_{role}")
    for name in _IN_CONTAINERS:
        _copy(REPOSITORY / name, staging / "docker_config_base" / "app" / name)


def add_package(staging: Path, package: Path | None) -> None:
    """Put the CloudWatch Agent's package into the primary's build context."""
    packages = staging / "docker_config_primary" / "packages"
    packages.mkdir()
    if package is not None:
        shutil.copyfile(package, packages / "amazon-cloudwatch-agent.deb")


def write_configuration(staging: Path, proxy: ProxySettings, binary: Path | None = None) -> str:
    """Render the files of ``proxy`` into its build context; returns HAProxy's configuration."""
    config = staging / f"docker_config_{proxy.role}" / "config"
    config.mkdir()
    files = render_files(proxy)
    write_files(config, {**files, "settings.json": proxy.to_json() + "\n"})
    if binary is not None:
        shutil.copyfile(binary, config / "spoa-mirror")
        (config / "spoa-mirror").chmod(0o755)
    return files["haproxy.cfg"]


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))


def _check_ours(folder: Path) -> None:
    """Ours to replace: nobody else may have made it, and put into it what we would take for ours."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise bad_input(f"--workspace: '{folder}' is not a folder", "name a folder that may be created")
    check_private(folder, "--workspace:")
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
            raise bad_input(
                f"--workspace: '{folder}' holds files that are not ours, and would be replaced",
                "name an empty or a new folder",
            )
    except OSError as error:
        raise _unwritable(folder, error) from error


def _make_staging(workspace: Path) -> Path:
    """In the nearest folder that exists: on one file system with the workspace, and nothing to remove but itself."""
    parent = workspace.parent
    while not parent.exists():
        parent = parent.parent
    check_parent(parent, f"--workspace: '{workspace}'")
    try:
        # For us alone (0700): the configuration is in it, and what the proxies have to keep to themselves.
        return Path(tempfile.mkdtemp(prefix=f".{workspace.name}.", dir=parent))
    except OSError as error:
        raise _unwritable(workspace, error) from error


def _make_parents(workspace: Path) -> None:
    missing = [parent for parent in workspace.parents if not parent.exists()]
    for parent in reversed(missing):
        # Another user who was quicker would own what is put there.
        parent.mkdir(mode=0o755, exist_ok=True)
        check_private(parent, "--workspace:")


def _swap(staging: Path, workspace: Path) -> None:
    if workspace.exists():
        old = Path(f"{staging}.old")
        workspace.rename(old)
        try:
            staging.rename(workspace)
        except OSError:
            old.rename(workspace)
            raise
        shutil.rmtree(old)
    else:
        staging.rename(workspace)


def _unwritable(workspace: Path, error: OSError) -> UserError:
    return bad_input(
        f"--workspace: '{workspace}' can't be written: {error.strerror}",
        "name a folder whose parent you may write to",
    )
