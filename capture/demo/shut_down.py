"""Removes what a demo started: in order and with time to drain, or at once when a signal says so."""

import threading
from contextlib import suppress

from capture.demo.interruptions import Interruptions
from capture.demo.leftovers import remove_all
from capture.demo.stage import Stage
from capture.demo.transcript import Transcript
from capture.engine import connect
from capture.errors import UserError

_DRAIN_S = 15
# Not long: what a node would save is removed with it, and one that has just begun to start ignores the stop signal.
_STOP_S = 2
_POLL_S = 0.1


def shut_down(stage: Stage, transcript: Transcript, interruptions: Interruptions) -> None:
    """Remove everything of the demo that ``stage`` has, whatever state it is in.

    The orderly way is a thread's, so that a signal (a second one, when the first has ended the demo) can cut it short.

    Raises:
        UserError: something could not be removed.
    """
    closing = _Closing(stage, transcript)
    thread = threading.Thread(target=closing.run, name="shutting down", daemon=True)
    thread.start()
    expected = 1 if interruptions.broke_off else 0
    while thread.is_alive():
        thread.join(_POLL_S)
        if len(interruptions.signals) > expected:
            closing.cut_short.set()
            transcript.progress("Removing everything at once...")
            break
    # A connection of its own: the thread, or what a signal broke off, may still be using the other. By label: a step that failed
    # may have created more than is known here.
    engine = connect(stage.engine.host)
    try:
        remove_all(engine, stage.plan.purpose)
    finally:
        engine.close()


class _Closing:
    """The orderly way: proxies drain while their clusters still answer, then all goes in the order in which it was made."""

    def __init__(self, stage: Stage, transcript: Transcript) -> None:
        self.cut_short = threading.Event()
        self._stage = stage
        self._transcript = transcript

    def run(self) -> None:
        """Stop and remove; what fails is left to the removal by label."""
        for step in (self._drain, self._remove_clusters, self._remove_proxies):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - a container that is gone, an engine that is: the rest must go on
                if not self.cut_short.is_set():
                    self._transcript.progress(f"  {error}")

    def _drain(self) -> None:
        """The primary's proxy first, so that the shadow's still gets what waits to be mirrored."""
        if not self._stage.complete:
            # Nothing is under way, and a proxy that has just begun to start ignores the stop signal.
            return
        if self._stage.offload is not None:
            with self._transcript.during("the rest of the capture is to be offloaded"):
                self._stage.offload.settle()
        for side in self._stage.plan.sides:
            proxy = self._stage.proxies.get(side.role)
            if proxy is not None and proxy.report().state == "running":
                self._transcript.progress(f"  {side.proxy} finishes what is under way")
                with self._transcript.during(f"{side.proxy} is to end"):
                    proxy.stop(_DRAIN_S)

    def _remove_clusters(self) -> None:
        for side in self._stage.plan.sides:
            cluster = self._stage.clusters.get(side.role)
            if cluster is None or self.cut_short.is_set():
                continue
            self._say(f"Stopping cluster {side.cluster}...")
            with self._transcript.during(f"{side.cluster} is to end"):
                cluster.stop(_STOP_S)
            self._say(f"Cleaning up underlying resources for cluster {side.cluster}...")
            cluster.remove()

    def _remove_proxies(self) -> None:
        for side in self._stage.plan.sides:
            proxy = self._stage.proxies.get(side.role)
            if proxy is not None and not self.cut_short.is_set():
                self._say(
                    f"Cleaning up underlying resources for the {side.role.capitalize()} HAProxy container..."
                )
                proxy.remove()

    def _say(self, line: str) -> None:
        # Whether somebody still reads must not matter to the cleaning up.
        if not self.cut_short.is_set():
            with suppress(UserError, OSError):
                self._transcript.result(line)
