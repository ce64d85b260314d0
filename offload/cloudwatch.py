"""The sink "cloudwatch": what the CloudWatch Agent follows, and what becomes of it."""

import threading
from pathlib import Path

from offload.settings import OffloadSettings
from offload.trouble import Trouble


class CloudWatch:
    """Writes lines that the CloudWatch Agent can send whole."""

    def __init__(self, settings: OffloadSettings, runtime: Path) -> None:
        self._settings = settings
        self._runtime = runtime
        self._trouble = Trouble("cloudwatch")

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        stop.wait()

    def status(self) -> dict[str, object]:
        """For ``capture-status``."""
        return self._trouble.as_dict()
