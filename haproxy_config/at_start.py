"""At the start of a container: the configuration that the image carries, or one rendered anew when the environment changes it.

Prints the folder that holds the configuration. Exit status 2 and one line when the environment can't be used.
"""

import os
import sys
from pathlib import Path

from haproxy_config.render import render_files
from haproxy_config.settings import ProxySettings, SettingsError


def configuration_dir(baked: Path, runtime: Path, environment: dict[str, str]) -> Path:
    """The folder to start from: ``baked``, or a new one in ``runtime`` when ``environment`` overrides a setting.

    Raises:
        SettingsError: the environment's values can't be used.
    """
    settings = ProxySettings.from_json((baked / "settings.json").read_text("utf-8"))
    wanted = settings.with_environment(environment)
    if wanted == settings:
        return baked
    if wanted.mirror_agent == "spoa-mirror" and wanted.mirror_to and not (baked / "spoa-mirror").exists():
        raise SettingsError(
            "this image does not carry spoa-mirror",
            "build one with --mirror-agent spoa-mirror, or leave CAPTURE_MIRROR_AGENT unset",
        )
    rendered = runtime / "config"
    rendered.mkdir()
    for name, text in render_files(wanted).items():
        (rendered / name).write_text(text, "utf-8")
    return rendered


def main() -> None:
    """Print the folder for the start script."""
    try:
        directory = configuration_dir(
            Path(os.environ["CAPTURE_CONFIG_DIR"]), Path(os.environ["CAPTURE_RUNTIME_DIR"]), dict(os.environ)
        )
    except SettingsError as error:
        print(f"capture: {error}. Hint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from None
    print(directory)


if __name__ == "__main__":
    main()
