"""Builds the proxies' images with ``build_docker_images.py`` as a process of its own, while the clusters start."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Self

from capture.errors import ExitCode, UserError
from capture.workspace import REPOSITORY

_PREFIX = "CAPTURE_BUILD_"
# Settings of the build that would leave the demo without images or without its lines.
_NOT_OURS = frozenset(f"{_PREFIX}{name}" for name in ("DRY_RUN", "QUIET", "VERBOSE", "WORKSPACE"))
_STOP_S = 10


class ProxyImages:
    """The build, which runs from the making of this to the end of a ``with`` block."""

    def __init__(
        self, command: Sequence[str], on_progress: Callable[[str], None], *, verbose: bool = False
    ) -> None:
        self._command = command
        self._on_progress = on_progress
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # A session of its own: Ctrl+C is the demo's, which ends the build as it ends everything else.
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=REPOSITORY,
            env=build_environment(os.environ, verbose=verbose),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._readers = [
            self._read(self._process.stdout, self._lines.put, "build's result"),
            self._read(self._process.stderr, self._tell, "build's progress"),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def check(self) -> None:
        """Look whether it has failed meanwhile.

        Raises:
            UserError: it has, with the build's own exit code.
        """
        code = self._process.poll()
        if code:
            for reader in self._readers:
                reader.join(_STOP_S)
            raise UserError(
                f"building the proxies' images failed (exit code {code})",
                hint="what went wrong is above; try it alone: " + " ".join(self._command),
                exit_code=ExitCode(code) if code in set(ExitCode) else ExitCode.FAILED,
            )

    def follow(self, on_line: Callable[[str], None]) -> None:
        """Give every line of its result to ``on_line``, until it is done.

        Raises:
            UserError: it failed, with its own exit code.
        """
        while (line := self._lines.get()) is not None:
            on_line(line)
        self._process.wait()
        self.check()

    def _tell(self, line: str | None) -> None:
        if line is not None:
            self._on_progress(f"  images: {line.strip()}")

    def _read(self, pipe: IO[str] | None, put: Callable[[str | None], None], name: str) -> threading.Thread:
        assert pipe is not None

        def read() -> None:
            with pipe:
                for line in pipe:
                    put(line.rstrip("\n"))
            put(None)

        thread = threading.Thread(target=read, name=name, daemon=True)
        thread.start()
        return thread


def build_environment(environment: Mapping[str, str], *, verbose: bool = False) -> dict[str, str]:
    """``environment`` without what would turn the build into another than the command line says."""
    ours = {name: value for name, value in environment.items() if name not in _NOT_OURS}
    return ours | ({f"{_PREFIX}VERBOSE": "1"} if verbose else {})
