"""Puts the offloader together: a thread for each sink, the status socket, signals."""

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import threading
import time
from pathlib import Path

from offload.settings import OffloadSettings
from offload.sinks import SINKS, Sink, sink_class
from offload.trouble import Trouble, now
from service.settings_file import SettingsError

_LOG = logging.getLogger(__name__)

# A sink that failed is made anew after 1, 2, 4 ... 60 s.
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0

# One that has run for so long works (again).
_STEADY_S = 30.0

# What a sink may take to end; then the process ends regardless.
_END_S = 3.0


class Offloader:
    """All sinks that the settings name.

    Args:
        runtime: directory of ``status.sock``.

    Raises:
        OSError: the socket can't be made.
    """

    def __init__(self, settings: OffloadSettings, runtime: Path) -> None:
        self._stop = threading.Event()
        self._since = now()
        self._listener = _listen(runtime / "status.sock")
        self._kept = [_Kept(name, settings, runtime) for name in settings.sinks]
        self._woken, self._waker = socket.socketpair()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; a second one ends at once."""
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self._told_to_stop())
        for kept in self._kept:
            kept.start(self._stop)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stop.is_set():
                selector.select()
                self._tell_status()
        for kept in self._kept:
            kept.join(_END_S)

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            os._exit(1)
        self._stop.set()

    def _tell_status(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                asker, _ = self._listener.accept()
                with asker, contextlib.suppress(OSError):
                    asker.settimeout(1)
                    asker.sendall(json.dumps(self.status()).encode() + b"\n")

    def status(self) -> dict[str, object]:
        """What ``capture-status`` shows under "offload"."""
        return {
            "since": self._since,
            "own_user": os.geteuid() != os.getuid(),
            **{kept.name: kept.status() for kept in self._kept},
        }


class _Kept:
    """A sink that is made anew when it fails, so that it takes nothing else with it."""

    def __init__(self, name: str, settings: OffloadSettings, runtime: Path) -> None:
        self.name = name
        self._settings = settings
        self._runtime = runtime
        self._trouble = Trouble(name)
        self._sink: Sink | None = None
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self, stop: threading.Event) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(stop,), name=f"offload-{self.name}", daemon=True
        )
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, stop: threading.Event) -> None:
        pause_s = _FIRST_PAUSE_S
        while not stop.is_set():
            began = time.monotonic()
            steady = threading.Timer(_STEADY_S, self._trouble.over)
            steady.daemon = True
            steady.start()
            try:
                self._sink = sink_class(self.name)(self._settings, self._runtime)
                self._running = True
                self._sink.run(stop)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the other sinks
                self._running = False
                steady.cancel()
                _LOG.debug("%s failed", self.name, exc_info=True)
                self._trouble.happened(f"{type(error).__name__}: {error}")
                if time.monotonic() - began >= _STEADY_S:
                    pause_s = _FIRST_PAUSE_S
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def status(self) -> dict[str, object]:
        """The error is the sink's own while it runs, and otherwise what it failed with last."""
        told = self._sink.status() if self._sink is not None else {}
        if self._running and told.get("error") is not None:
            return told
        own = self._trouble.as_dict()
        return {**told, **own} if own["error"] is not None or "error" not in told else told


def check_sinks(settings: OffloadSettings) -> None:
    """Check the names of the sinks.

    Raises:
        SettingsError: there is no such sink.
    """
    for name in settings.sinks:
        if name not in SINKS:
            raise SettingsError(f"unknown sink '{name}', known: {', '.join(SINKS)}")


def _listen(path: Path) -> socket.socket:
    """For the offloader's own group: who asks is the proxy's user."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    # Not chmod: what is there by then may be a link.
    mask = os.umask(0o117)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(mask)
    listener.listen(16)
    return listener
