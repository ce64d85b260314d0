"""``python3 -m tee SETTINGS``: the tee, as the container's supervisor starts it."""

import gc
import logging
import os
import resource
import sys
from pathlib import Path

from service.readiness import ready_fd
from service.settings_file import SettingsError, read_settings
from tee.app import Tee
from tee.settings import TeeSettings


def main() -> None:
    """Run until told to stop. Exit status 2: the settings can't be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="tee: %(levelname)s: %(message)s")
    try:
        settings = read_settings(Path(sys.argv[1]), TeeSettings)
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
    tee.run(ready_fd())


if __name__ == "__main__":
    main()
