"""A container that was started through `capture.engine`."""

import codecs
import contextlib
import io
import socket
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker
import docker.errors
import docker.types
import docker.utils.socket

from capture.errors import UserError

_POLL_S = 0.1
_LOG_LINES = 20
_REPORT_LINES = 80


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """What a container is started with."""

    image: str
    purpose: str
    """Value of our label on it."""
    group: str | None = None
    """Value of a second label, by which things that were made together are found (`Engine.remove_labelled`)."""
    name: str | None = None
    command: tuple[str, ...] | None = None
    network: str | None = None
    aliases: tuple[str, ...] = ()
    """Names that it has on ``network``."""
    network_of: str | None = None
    """Name of a container whose network it shares; then that one publishes, and has the names of hosts and networks."""
    environment: Mapping[str, str] = field(default_factory=dict)
    publish: tuple[int, ...] = ()
    """TCP ports inside, each published on an ephemeral port of the engine's loopback."""
    publish_at: Mapping[int, int] = field(default_factory=dict)
    """TCP ports inside -> port of the engine's host, where this machine and other containers (host.docker.internal) reach it."""
    hosts: Mapping[str, str] = field(default_factory=lambda: {"host.docker.internal": "host-gateway"})
    """Names beside those of DNS. On Linux host.docker.internal has to be given so."""
    read_only: bool = False
    volumes: tuple[str, ...] = ()
    """Directories inside, each on an anonymous volume that is removed with the container."""
    named_volumes: Mapping[str, str] = field(default_factory=dict)
    """Directories inside -> the volume (`Engine.create_volume`) that is there."""
    user: str | None = None
    security: tuple[str, ...] = ()
    """Docker's ``--security-opt``."""
    memory_bytes: int | None = None
    """Docker's ``--memory``. None: no limit."""
    descriptors: int | None = None
    """Docker's ``--ulimit nofile``. None: the engine's default."""
    cpu_shares: int | None = None
    """Docker's ``--cpu-shares``, 2 to 262144: its weight beside others that want the same cores. None: the engine's default, 1024."""


@dataclass(frozen=True)
class Executed:
    """How a command inside a container ended."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class ContainerReport:
    """What a container came to, for who has to explain it."""

    name: str
    state: str
    """Docker's word for it, or ``gone``."""
    exit_code: int | None = None
    """None while it has not ended."""
    out_of_memory: bool = False
    """Whether the kernel ended it for want of memory."""
    last_lines: tuple[str, ...] = ()


class Container:
    """A container that was started. Not thread-safe."""

    def __init__(self, container: Any, address: str) -> None:
        self._container = container
        self._address = address

    @property
    def name(self) -> str:
        """Its name, which Docker commands take."""
        return str(self._container.name)

    def published(self, port: int) -> tuple[str, int]:
        """Host and port at which the inner ``port`` is reached."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self._container.reload()
            bindings = self._container.ports.get(f"{port}/tcp")
            if bindings:
                return self._address, int(bindings[0]["HostPort"])
            if self.state() != "running":
                break
            time.sleep(_POLL_S)
        raise self._failure(f"port {port} is not published")

    def state(self) -> str:
        """Docker's word for it: running, paused, exited ..."""
        self._container.reload()
        return str(self._container.status)

    def health(self) -> str:
        """Docker's word for it: starting, healthy, unhealthy, or none."""
        self._container.reload()
        return str(self._container.attrs["State"].get("Health", {}).get("Status", "none"))

    def wait_healthy(self, timeout_s: float = 60) -> None:
        """Wait until the image's health check passes.

        The check itself is run meanwhile, so that this takes no longer than the container does; the engine runs it rarely.

        Raises:
            UserError: it did not within ``timeout_s``, or the container ended.
        """
        self._container.reload()
        test = self._container.image.attrs["Config"].get("Healthcheck", {}).get("Test", [])
        command = test[1:] if test[:1] == ["CMD"] else ["sh", "-c", *test[1:]]
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.state() != "running":
                raise self._failure("it ended while its health was awaited")
            if not test or self.exec(*command).exit_code == 0:
                return
            time.sleep(_POLL_S)
        raise self._failure(f"it was not healthy within {timeout_s:g} s")

    def wait_exit(self, timeout_s: float = 30) -> int:
        """Wait for its end, and return its exit code.

        Raises:
            UserError: it did not end within ``timeout_s``, or somebody removed it.
        """
        deadline = time.monotonic() + timeout_s
        try:
            while time.monotonic() < deadline:
                if self.state() in ("exited", "dead"):
                    return int(self._container.attrs["State"]["ExitCode"])
                time.sleep(_POLL_S)
        except docker.errors.NotFound as error:
            raise self._failure("its end was awaited") from error
        raise self._failure(f"it did not end within {timeout_s:g} s")

    def exec(self, *command: str, user: str | None = None) -> Executed:
        """Run a command inside; output of both streams."""
        try:
            result = self._container.exec_run(list(command), user=user or "")
        except docker.errors.APIError as error:
            return Executed(126, str(error.explanation))
        return Executed(int(result.exit_code), result.output.decode(errors="replace"))

    def exec_with_input(self, data: bytes, *command: str) -> Executed:
        """Run a command inside with ``data`` on its input, which nobody else gets to see."""
        api = self._container.client.api
        created = api.exec_create(self._container.id, list(command), stdin=True)["Id"]
        stream = api.exec_start(created, socket=True)
        # The SDK hands out the socket in a wrapper for reading.
        connection = getattr(stream, "_sock", stream)
        with contextlib.closing(connection), contextlib.closing(stream):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            frames = docker.utils.socket.frames_iter(stream, tty=False)  # type: ignore[no-untyped-call]
            output = b"".join(chunk for _, chunk in frames)
        return Executed(int(api.exec_inspect(created)["ExitCode"]), output.decode(errors="replace"))

    def logs(self) -> str:
        """What its processes wrote to stdout and stderr."""
        output: bytes = self._container.logs()
        return output.decode(errors="replace")

    def follow(self) -> Iterator[str]:
        """The same as it is written, until the container's end."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for chunk in self._container.logs(stream=True, follow=True):
            yield decoder.decode(chunk)

    def report(self) -> ContainerReport:
        """What it came to; of one that somebody removed too."""
        try:
            self._container.reload()
            state = self._container.attrs["State"]
            output: bytes = self._container.logs(tail=_REPORT_LINES)
        except docker.errors.NotFound:
            return ContainerReport(self.name, "gone")
        return ContainerReport(
            self.name,
            str(state["Status"]),
            int(state["ExitCode"]) if state["Status"] in ("exited", "dead") else None,
            bool(state["OOMKilled"]),
            tuple(output.decode(errors="replace").splitlines()),
        )

    def read_file(self, path: str) -> bytes:
        """The content of a file inside, running or not.

        Raises:
            FileNotFoundError: there is none.
        """
        try:
            chunks, _ = self._container.get_archive(path)
        except docker.errors.NotFound as error:
            raise FileNotFoundError(path) from error
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            # None: it was removed while it was asked for.
            members = tar.getmembers()
            member = tar.extractfile(members[0]) if members else None
            if member is None:
                raise FileNotFoundError(f"{path} is not a file")
            return member.read()

    def signal(self, name: str) -> None:
        """Send a signal to its first process."""
        self._container.kill(signal=name)

    def pause(self) -> None:
        """Freeze all its processes."""
        self._container.pause()

    def unpause(self) -> None:
        """End `pause`."""
        self._container.unpause()

    def stop(self, timeout_s: int = 10) -> int:
        """``docker stop``: the stop signal, after ``timeout_s`` SIGKILL; its exit code (137: it was killed)."""
        self._container.stop(timeout=timeout_s)
        return self.wait_exit()

    def start(self) -> None:
        """Start it again after its end."""
        self._container.start()

    def remove(self) -> None:
        """Remove it with its anonymous volumes, running or not; fine when it is away already."""
        try:
            self._container.remove(force=True, v=True)
        except docker.errors.NotFound:
            return

    def _failure(self, what: str) -> UserError:
        try:
            state = self._container.attrs["State"]
            logs = "\n".join(self.logs().splitlines()[-_LOG_LINES:])
        except docker.errors.NotFound:
            return UserError(f"container {self.name}: {what}; it is gone", hint="who removed it?")
        return UserError(
            f"container {self.name}: {what} (state {state['Status']}, exit code {state['ExitCode']}, health {self.health()})",
            hint=f"its last lines are above; all of them: docker logs {self.name}",
            detail=logs,
        )


def run_container(
    client: docker.DockerClient,
    settings: ContainerSettings,
    labels: dict[str, str],
    address: str,
    hosts: Sequence[str],
) -> Container:
    """Start a container; used by `capture.engine.Engine.run`. ``hosts``: addresses of the engine's host for ``publish_at``."""
    networking = None
    if settings.network is not None:
        endpoint = client.api.create_endpoint_config(aliases=list(settings.aliases))
        networking = {settings.network: endpoint}
    # No port: the engine takes a free one. (The SDK's type stubs know only numbers here.)
    ports: Any = {f"{port}/tcp": ("127.0.0.1", None) for port in settings.publish}
    ports |= {
        f"{port}/tcp": [(host, host_port) for host in hosts]
        for port, host_port in settings.publish_at.items()
    }
    container = client.containers.create(
        settings.image,
        command=list(settings.command) if settings.command is not None else None,
        name=settings.name,
        detach=True,
        labels=labels,
        network=settings.network,
        networking_config=networking,
        network_mode=f"container:{settings.network_of}" if settings.network_of is not None else None,
        environment=dict(settings.environment),
        ports=ports,
        extra_hosts=dict(settings.hosts) if settings.network_of is None else None,
        read_only=settings.read_only,
        mounts=[
            *(docker.types.Mount(target=path, source=None, type="volume") for path in settings.volumes),
            *(
                docker.types.Mount(target=path, source=name, type="volume")
                for path, name in settings.named_volumes.items()
            ),
        ],
        user=settings.user,
        security_opt=list(settings.security),
        cpu_shares=settings.cpu_shares,
        mem_limit=settings.memory_bytes,
        ulimits=_ulimits(settings.descriptors),
    )
    try:
        container.start()
    except BaseException:
        # An interruption too: nobody else knows of it yet.
        container.remove(force=True, v=True)
        raise
    return Container(container, address)


def _ulimits(descriptors: int | None) -> list[docker.types.Ulimit]:
    if descriptors is None:
        return []
    return [docker.types.Ulimit(name="nofile", soft=descriptors, hard=descriptors)]
