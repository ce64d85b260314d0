"""``python3 -m tee SETTINGS``: the tee, as the container's supervisor starts it."""

import gc
import logging
import os
import resource
import sys
from pathlib import Path

from tee.app import Tee
from tee.settings import SettingsError, load_settings


def main() -> None:
    """Run until told to stop. Exit status 2: the settings can't be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="tee: %(levelname)s: %(message)s")
    try:
        settings = load_settings(Path(sys.argv[1]))
    except (SettingsError, IndexError) as error:
        print(f"tee: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    # Two for each connection.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tee = Tee(settings, Path(os.environ["CAPTURE_RUNTIME_DIR"]))
    # Nothing on the hot path makes cycles: the collector would only make clients wait.
    gc.freeze()
    gc.disable()
    tee.run(_ready_fd())


def _ready_fd() -> int | None:
    """The descriptor that s6 waits for a line on."""
    try:
        os.fstat(3)
    except OSError:
        return None
    return 3 if os.environ.get("CAPTURE_NOTIFY") else None


if __name__ == "__main__":
    main()
