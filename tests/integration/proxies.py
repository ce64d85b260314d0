"""The images and proxies that the fixtures of these tests hand out, for type annotations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from capture.container import Container

INTERNAL_PORT = 9200

PURPOSE = "test"
"""Value of our label on what tests create."""


@dataclass(frozen=True)
class Images:
    """Names of the images that this session built."""

    primary: str
    shadow: str
    workspace: Path


class Proxy:
    """A proxy in its container, and where it is reached."""

    def __init__(self, container: Container) -> None:
        self.container = container

    @property
    def address(self) -> tuple[str, int]:
        """Host and port for clients on this machine; another one after each start."""
        return self.container.published(INTERNAL_PORT)

    @property
    def inner_address(self) -> str:
        """HOST:PORT for containers on the session's network (``mirror_to`` of the primary)."""
        return f"{self.container.name}:{INTERNAL_PORT}"

    @property
    def url(self) -> str:
        """The root of it for an HTTP client on this machine."""
        host, port = self.address
        return f"http://{host}:{port}"

    def log_lines(self) -> list[bytes]:
        """The lines of its capture log, as far as they are written."""
        try:
            return self.container.read_file("/var/log/haproxy-traffic.log").splitlines()
        except FileNotFoundError:
            return []

    def whole_lines(self) -> list[bytes]:
        """The same without a line that is being written: a long one is, for a while."""
        try:
            return self.container.read_file("/var/log/haproxy-traffic.log").split(b"\n")[:-1]
        except FileNotFoundError:
            return []

    def exec(self, *command: str) -> str:
        """The output of a command inside, which must succeed."""
        executed = self.container.exec(*command)
        assert executed.exit_code == 0, f"{command}: {executed.exit_code}\n{executed.output}"
        return executed.output

    def logs(self) -> str:
        """What ``docker logs`` shows."""
        return self.container.logs()

    def read_file(self, path: str) -> bytes:
        """A file inside."""
        return self.container.read_file(path)

    def stop(self, timeout_s: int = 10) -> int:
        """``docker stop``; its exit code."""
        return self.container.stop(timeout_s)


class RunProxy(Protocol):
    """Starts a proxy; see the fixture ``run_proxy``."""

    def __call__(
        self,
        role: str,
        nodes: Sequence[str],
        *,
        mirror_to: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        read_only: bool = False,
        healthy: bool = True,
    ) -> Proxy: ...
