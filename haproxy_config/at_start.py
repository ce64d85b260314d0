"""At the start of a container: the configuration that the image carries, or one rendered anew when the environment changes it.

Prints the folder that holds the configuration, says how many clients there may be, and leaves that for HAProxy. Exit status 2 and one line when
the environment can't be used.
"""

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from haproxy_config.connections import connections
from haproxy_config.container_limits import descriptors, memory_bytes
from haproxy_config.render import KEY_FILE, render_files, write_files
from haproxy_config.setting import SettingsError
from haproxy_config.settings import ProxySettings

CONNECTIONS_FILE = "connections.env"
"""In the folder of this run: what services/haproxy/run tells HAProxy."""

_KEY_VARIABLE = "CAPTURE_MIRROR_KEY"
_KEY_FILE_VARIABLE = "CAPTURE_MIRROR_KEY_FILE"


def configuration(baked: Path, runtime: Path, environment: Mapping[str, str]) -> tuple[Path, ProxySettings]:
    """The folder to start from, ``baked`` or a new one in ``runtime`` when ``environment`` overrides a setting; and the settings.

    Raises:
        SettingsError: the environment's values can't be used.
    """
    settings = ProxySettings.from_json((baked / "settings.json").read_text("utf-8"))
    if (baked / KEY_FILE).exists():
        settings = dataclasses.replace(settings, mirror_key=(baked / KEY_FILE).read_text("utf-8").strip())
    wanted = settings.with_environment(_with_key(environment))
    if wanted == settings:
        return baked, settings
    if wanted.mirror_agent == "spoa-mirror" and wanted.mirror_to and not (baked / "spoa-mirror").exists():
        raise SettingsError(
            "this image does not carry spoa-mirror",
            "build one with --mirror-agent spoa-mirror, or leave CAPTURE_MIRROR_AGENT unset",
        )
    rendered = runtime / "config"
    rendered.mkdir()
    write_files(rendered, render_files(wanted))
    return rendered, wanted


def _with_key(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The key of a mounted file as if its variable had it."""
    path = environment.get(_KEY_FILE_VARIABLE, "")
    if not path:
        return environment
    if _KEY_VARIABLE in environment:
        raise SettingsError(f"{_KEY_VARIABLE} and {_KEY_FILE_VARIABLE} are both set", "set one of them")
    try:
        key = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "no text"
        raise SettingsError(
            f"{_KEY_FILE_VARIABLE}: {path} can't be read: {reason}",
            "mount a file that the container's user (10001) may read",
        ) from error
    if not key:
        raise SettingsError(f"{_KEY_FILE_VARIABLE}: {path} is empty", "`openssl rand -hex 32` prints a key")
    return {**environment, _KEY_VARIABLE: key}


def main() -> None:
    """Print the folder for the start script."""
    runtime = Path(os.environ["CAPTURE_RUNTIME_DIR"])
    try:
        directory, settings = configuration(Path(os.environ["CAPTURE_CONFIG_DIR"]), runtime, os.environ)
    except SettingsError as error:
        print(f"capture: {error}. Hint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from None
    allowed = connections(settings.max_connections, settings.bufsize, memory_bytes(), descriptors())
    (runtime / CONNECTIONS_FILE).write_text(allowed.as_environment(), "utf-8")
    print(f"capture: {allowed.words}", file=sys.stderr)
    print(directory)


if __name__ == "__main__":
    main()
