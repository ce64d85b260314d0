"""``python3 -m offload``: the offloader, as the container's supervisor starts it (through ``as-offload``)."""

import logging
import os
import sys
from pathlib import Path

from offload.app import Offloader, check_sinks
from offload.niceness import lower_priority
from offload.settings import OffloadSettings
from offload.single_instance import AlreadyRunningError, SingleInstance
from offload.whose import act_as_the_caller
from service.settings_file import SettingsError, read_settings


def main() -> None:
    """Run until told to stop. Exit status 2: the settings can't be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="offload: %(levelname)s: %(message)s")
    # Requests and answers of the services are nobody's business here: there are credentials in their headers.
    for library in ("boto3", "botocore", "urllib3", "s3transfer"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        settings = read_settings(Path(os.environ["CAPTURE_CONFIG_DIR"]) / "offload.toml", OffloadSettings)
        check_sinks(settings)
    except (SettingsError, KeyError) as error:
        print(f"offload: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    act_as_the_caller()
    runtime = Path(os.environ["CAPTURE_RUNTIME_DIR"]) / "offload"
    try:
        # Two would send everything twice.
        only = SingleInstance(runtime / "offload.lock")
    except AlreadyRunningError as error:
        print(f"offload: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    lower_priority()
    if os.geteuid() == os.getuid():
        logging.getLogger(__name__).warning(
            "runs as the proxy's own user, which could read the credentials too (the container has no-new-privileges, or another user)"
        )
    Offloader(settings, runtime).run()
    only.close()


if __name__ == "__main__":
    main()
