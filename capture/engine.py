"""The one wrapper around the Docker SDK: its types and exceptions stay in here and in `capture.container`."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import docker
import docker.errors
import docker.models.containers
import docker.utils
import requests.exceptions
import urllib3.exceptions

from capture.build_context import host_ca_bundle, write_context
from capture.container import Container, ContainerSettings, run_container
from capture.engine_address import default_host, gateway_of, is_local, probe, published_at
from capture.errors import CaptureError, ExitCode, UserError
from capture.inventory import ContainerSummary, list_containers
from capture.pull_error import PullError, failure_of
from capture.reference import parse_pinned, parse_reference

LABEL = "cluster-traffic-capture"
"""Label on everything that is created; its value says what for."""

GROUP_LABEL = f"{LABEL}.group"
"""Label on what was made together; its value is the caller's."""

# Where Docker's word for a processor is not Debian's.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

_CONNECT_S = 10
# One read: a build step may be silent while it compiles or waits for a package archive.
_SILENCE_S = 600
# A registry that says nothing must not hold a build for long; a slow network's pauses must not end a long pull.
_REGISTRY_S = 30
# What a wait ends with, for the first part of an answer and for a later one.
_TIMEOUTS = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)

# The engine colours what a step writes to stderr.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_GET_ONE = (
    "start Docker (docs.docker.com/get-docker), or point DOCKER_HOST at an engine, e.g. unix:///run/docker.sock; "
    "as root on Debian or Ubuntu: python3 -m capture.local_engine run -- COMMAND"
)


class BuildError(CaptureError):
    """An image build failed; the output went to the caller's ``on_line``."""


class Engine:
    """A Docker engine that answers. Made by `connect`."""

    def __init__(self, client: docker.DockerClient, host: str) -> None:
        self._client = client
        self.host = host
        """Where it listens, as in ``DOCKER_HOST``."""

    @property
    def address(self) -> str:
        """The address that published ports are reached at."""
        return published_at(self.host)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def image_id(self, name: str) -> str | None:
        """The id of the image ``name``, or None when the engine has none."""
        with _translated(f"looking for image {name}"):
            try:
                return str(self._client.images.get(name).id)
            except docker.errors.ImageNotFound:
                return None

    def image_digest(self, name: str) -> str | None:
        """The digest that a registry gave for the image ``name``, which must be there; None when it was made here.

        containerd's image store gives what was made here a digest of its own.
        """
        path = parse_pinned(name)[0].untagged
        with _translated(f"looking for image {name}"):
            found = [str(each) for each in self._client.images.get(name).attrs.get("RepoDigests") or ()]
        return next((each.partition("@")[2] for each in found if each.partition("@")[0] == path), None)

    def registry_digest(self, name: str) -> str:
        """The digest that the registry has for ``name`` now; nothing is pulled.

        Raises:
            UserError: it can't be asked, or has no such image.
        """
        with _translated(f"asking the registry for {name}"):
            return str(self._client.images.get_registry_data(name).id)

    def tag(self, name: str, new: str) -> None:
        """Give the image ``name`` the name ``new`` too."""
        reference = parse_reference(new)
        with _translated(f"naming image {name}"):
            self._client.images.get(name).tag(reference.untagged, reference.tag)

    def image_labels(self, name: str) -> dict[str, str]:
        """The labels of the image ``name``, which must be there."""
        with _translated(f"looking for image {name}"):
            return dict(self._client.images.get(name).labels)

    def inspect_image(self, name: str) -> dict[str, Any]:
        """What ``docker inspect`` and ``docker history`` tell of the image ``name``."""
        with _translated(f"looking for image {name}"):
            image = self._client.images.get(name)
            return {**image.attrs, "History": image.history()}

    def inspect(self, name: str) -> dict[str, Any]:
        """What ``docker inspect`` tells of the container ``name``."""
        with _translated(f"looking for container {name}"):
            return dict(self._client.containers.get(name).attrs)

    def running_commands(self) -> list[str]:
        """The command of every container that runs, those of build steps included."""
        with _translated("looking for containers"):
            return [container["Command"] for container in self._client.api.containers()]

    def pull(self, name: str) -> None:
        """Pull ``name``, which may have a digest: then that and nothing else. Gives up when the registry is silent for 30 s.

        Raises:
            PullError: it can't be pulled; its ``failure`` says whether a registry answered.
        """
        reference, digest = parse_pinned(name)
        begun = False
        with _translated(f"pulling image {name}"), closing(_PullClient(self.host, **_tls())) as client:
            try:
                for event in client.pull(
                    f"{reference.domain}/{reference.path}", digest or reference.tag, stream=True, decode=True
                ):
                    if "error" in event:
                        raise _pull_error(str(event["error"]), begun=begun)
                    begun = True
            except docker.errors.APIError as error:
                raise _pull_error(_explanation(error), begun=begun) from error
            except _TIMEOUTS as error:
                raise _pull_error(f"nothing came for {_REGISTRY_S} s", begun=begun) from error

    def import_image(self, tar: IO[bytes], name: str, labels: Mapping[str, str], command: list[str]) -> None:
        """Make the image ``name`` of a root file system, given as a tar."""
        reference = parse_reference(name)
        changes = [f"LABEL {json.dumps(key)}={json.dumps(value)}" for key, value in labels.items()]
        with _translated(f"importing image {name}"):
            answer = self._client.api.import_image_from_stream(
                tar,
                f"{reference.domain}/{reference.path}",
                reference.tag,
                [*changes, f"CMD {json.dumps(command)}"],
            )
        if "error" in answer:
            raise CaptureError(f"the engine did not import {name}: {answer}")

    def build(
        self,
        directory: Path,
        *,
        tag: str,
        arguments: Mapping[str, str],
        on_line: Callable[[str], None],
        labels: Mapping[str, str] | None = None,
        stage: str | None = None,
    ) -> str:
        """Build the image ``tag`` from ``directory``, up to ``stage`` (the last), and return its id.

        The host's CA bundle goes along (`capture.build_context`), and the proxies of Docker's configuration file.

        Raises:
            BuildError: a step failed.
        """
        with tempfile.TemporaryFile() as context, _translated(f"building image {tag}"):
            write_context(directory, context, host_ca_bundle(os.environ))
            context.seek(0)
            events = self._client.api.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                buildargs=dict(arguments),
                labels={**(labels or {}), LABEL: "image"},
                target=stage,
                rm=True,
                forcerm=True,
                decode=True,
            )
            return _follow_build(events, on_line)

    def save_image(self, name: str, target: IO[bytes]) -> None:
        """Write the image ``name`` with all its layers as a tar."""
        with _translated(f"saving image {name}"):
            for chunk in self._client.api.get_image(name):
                target.write(chunk)

    def remove_image(self, name: str) -> None:
        """Remove ``name``; fine when it is away already."""
        with _translated(f"removing image {name}"):
            try:
                self._client.api.remove_image(name, force=True)
            except docker.errors.ImageNotFound:
                return

    def run(self, settings: ContainerSettings) -> Container:
        """Start a container."""
        with _translated(f"starting a container of {settings.image}"):
            return run_container(
                self._client,
                settings,
                _labels(settings.purpose, settings.group),
                self.address,
                self._hosts() if settings.publish_at else (),
            )

    def container(self, name: str) -> Container | None:
        """The container ``name``, whoever started it; None: there is none."""
        with _translated(f"looking for container {name}"):
            try:
                return Container(self._client.containers.get(name), self.address)
            except docker.errors.NotFound:
                return None

    def _hosts(self) -> tuple[str, ...]:
        """The addresses of its host that this machine and containers reach it at, and nobody else.

        All addresses where these are not known: the engine is remote, or in a virtual machine.
        """
        bridge = self._client.networks.get("bridge").attrs["IPAM"]["Config"]
        gateway = gateway_of(bridge[0]) if bridge else None
        if self.host.startswith("unix://") and gateway is not None and is_local(gateway):
            return ("127.0.0.1", gateway)
        return ("0.0.0.0",)  # noqa: S104 - said above

    def create_volume(self, name: str, purpose: str, group: str | None = None) -> None:
        """Create the volume ``name``; `remove_labelled` removes it."""
        with _translated(f"creating volume {name}"):
            self._client.volumes.create(name, labels=_labels(purpose, group))

    @contextmanager
    def network(self, name: str, purpose: str) -> Iterator[str]:
        """A bridge network for the time of a ``with`` block; its name."""
        with _translated(f"creating network {name}"):
            network = self._client.networks.create(name, driver="bridge", labels={LABEL: purpose})
        try:
            yield name
        finally:
            network.remove()

    def memory_bytes(self) -> int:
        """Memory of the machine that it runs on."""
        with _translated("asking for its memory"):
            return int(self._client.info()["MemTotal"])

    def architecture(self) -> str:
        """What its images are for, as Debian spells it: amd64, arm64 ..."""
        with _translated("asking for its architecture"):
            return _ARCHITECTURES.get(found := str(self._client.version()["Arch"]), found)

    def containers(self) -> list[ContainerSummary]:
        """All its containers, whoever created them."""
        with _translated("looking for containers"):
            return list_containers(self._client, LABEL)

    def labelled(self, purpose: str | None = None, group: str | None = None) -> list[str]:
        """The names of all containers, networks and volumes that carry our label, whoever created them.

        With ``purpose``, ``group`` or both, only what was created with these.
        """
        with _translated("looking for what carries our label"):
            return [str(thing.name) for thing in self._labelled(purpose, group)]

    def remove_labelled(self, purpose: str | None = None, group: str | None = None) -> list[str]:
        """Remove what `labelled` names, running or not; the names of what was removed."""
        removed: list[str] = []
        with _translated("removing what carries our label"):
            for thing in self._labelled(purpose, group):
                removed += _remove(thing)
        return removed

    def _labelled(self, purpose: str | None, group: str | None) -> list[Any]:
        """Containers first: networks and volumes can't be removed while they are in use."""
        label = [LABEL if purpose is None else f"{LABEL}={purpose}"]
        if group is not None:
            label.append(f"{GROUP_LABEL}={group}")
        filters: dict[str, Any] = {"label": label}
        return [
            # What others remove while it is listed is no error.
            *self._client.containers.list(all=True, filters=filters, ignore_removed=True),
            *self._client.networks.list(filters=filters),
            *self._client.volumes.list(filters=filters),
        ]


class _PullClient(docker.APIClient):
    """Docker's client lets a pull wait for ever, whatever time-out it is made with."""

    def request(self, *words: Any, **options: Any) -> requests.Response:
        return super().request(*words, **{**options, "timeout": _REGISTRY_S})


def connect(host: str | None = None) -> Engine:
    """The engine at ``host``; by default at ``DOCKER_HOST``, Docker's current context, or the default socket.

    Raises:
        UserError: (exit code 3) none answers.
    """
    host = host or default_host()
    try:
        probe(host, _CONNECT_S)
        with closing(docker.DockerClient(base_url=host, timeout=_CONNECT_S, **_tls())) as client:
            client.ping()
        # An own client for the work, whose steps take longer than a ping.
        return Engine(docker.DockerClient(base_url=host, timeout=_SILENCE_S, **_tls()), host)
    except PermissionError as error:
        raise _no_engine(
            host, error, "join its group (sudo usermod -aG docker $USER, then log in again), or use sudo"
        ) from error
    except (OSError, docker.errors.DockerException) as error:
        raise _no_engine(host, error, _GET_ONE) from error


def _labels(purpose: str, group: str | None) -> dict[str, str]:
    return {LABEL: purpose} | ({} if group is None else {GROUP_LABEL: group})


def _remove(thing: Any) -> list[str]:
    """Remove a container, network or volume; its name, or nothing when somebody else was quicker."""
    options = {"force": True, "v": True} if isinstance(thing, docker.models.containers.Container) else {}
    try:
        thing.remove(**options)
    except docker.errors.NotFound:
        return []
    except docker.errors.APIError as error:
        if "already in progress" not in _explanation(error):
            raise
        return []
    return [str(thing.name)]


def _tls() -> dict[str, Any]:
    return {key: value for key, value in docker.utils.kwargs_from_env().items() if key == "tls"}


def _no_engine(host: str, error: Exception, hint: str) -> UserError:
    reason = (isinstance(error, OSError) and error.strerror) or str(error).splitlines()[0]
    return UserError(f"no Docker engine answers at {host}: {reason}", hint=hint, exit_code=ExitCode.NO_ENGINE)


def _pull_error(explanation: str, *, begun: bool) -> PullError:
    return PullError(explanation, failure_of(explanation, begun=begun))


def _explanation(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def _hint(explanation: str) -> str:
    if re.search(r"container name .* is already in use", explanation):
        return "`docker ps -a` shows the container that has the name: remove it if nobody needs it"
    if "port is already allocated" in explanation or "address already in use" in explanation:
        return "`docker ps`, or `ss -tlnp`, shows who has the port: end that, or choose another one"
    return "see the engine's own log for more"


def _follow_build(events: Iterator[Any], on_line: Callable[[str], None]) -> str:
    image: str | None = None
    error: str | None = None
    # To its end also after an error, which is what closes the connection.
    for event in events:
        for line in _COLOUR.sub("", event.get("stream") or event.get("status") or "").splitlines():
            if line.strip():
                on_line(line.rstrip())
        if "error" in event:
            error = str(event["error"])
            on_line(error)
        image = event.get("aux", {}).get("ID", image)
    if error is not None:
        raise BuildError(error)
    if image is None:
        raise BuildError("the engine named no image at the end of the build")
    return image


@contextmanager
def _translated(awaited: str) -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        raise UserError(
            f"{awaited} failed: {_explanation(error)}", hint=_hint(_explanation(error))
        ) from error
    except docker.errors.DockerException as error:
        raise UserError(
            f"{awaited} failed: {error}",
            hint="is Docker's configuration right (~/.docker/config.json, or in DOCKER_CONFIG), and what it names there?",
        ) from error
    except _TIMEOUTS as error:
        raise UserError(
            f"{awaited}: the Docker engine was silent for {_SILENCE_S} s",
            hint="is it overloaded? try `docker info`",
        ) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UserError(
            f"{awaited}: the Docker engine went away: {error}", hint="is it still running? try `docker info`"
        ) from error
