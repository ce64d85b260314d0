"""Where the capture can go: a name for each, and the class behind it, imported when it is wanted."""

import importlib
import threading
from pathlib import Path
from typing import Protocol

from offload.settings import OffloadSettings

SINKS = {"cloudwatch": "offload.cloudwatch:CloudWatch", "s3": "offload.s3.sink:S3"}
"""Name -> module and class. `haproxy_config.settings.OFFLOAD` lists the same names."""


class Sink(Protocol):
    """One place that the capture goes to. `offload.app` runs each in a thread of its own."""

    def __init__(self, settings: OffloadSettings, runtime: Path) -> None: ...

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, and end within two seconds then. What it raises is told, and it is made anew after a while."""

    def status(self) -> dict[str, object]:
        """What ``capture-status`` tells of it; called from another thread, and quick."""


def sink_class(name: str) -> type[Sink]:
    """The class of the sink ``name``.

    Raises:
        KeyError: there is none.
    """
    module, _, attribute = SINKS[name].partition(":")
    found: type[Sink] = getattr(importlib.import_module(module), attribute)
    return found
