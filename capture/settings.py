"""What an image build depends on, as one frozen object that is checked when it is made."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from capture.cloudwatch_package import check_cloudwatch_agent
from capture.errors import bad_input
from capture.reference import InvalidReferenceError, parse_pinned, parse_reference
from capture.versions import BASE_IMAGE
from haproxy_config.nodes import Node
from haproxy_config.setting import SettingsError
from haproxy_config.settings import MIRROR_AGENTS, ProxySettings

WORKSPACE = Path("/tmp/cluster_traffic_capture")  # noqa: S108 - a documented place, not a secret; see workspace.py


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """The images to build.

    Without ``shadow_haproxy``, ``shadow_image`` and ``shadow_nodes`` one image is built, which captures and does not mirror.

    Raises:
        UserError: (exit code 2) a value that can't be used, or values that don't go together.
    """

    primary_nodes: tuple[Node, ...]
    """The primary cluster's nodes."""
    primary_image: str = "haproxy-primary"
    """Name of the image that stands in front of the primary cluster."""
    shadow_haproxy: tuple[Node, ...] = ()
    """Where the primary HAProxy reaches the shadow HAProxy, or several."""
    shadow_image: str | None = None
    """Name of the image that stands in front of the shadow cluster."""
    shadow_nodes: tuple[Node, ...] = ()
    """The shadow cluster's nodes."""
    internal_port: int = 9200
    """The port that both HAProxys listen on inside their containers."""
    workspace: Path = WORKSPACE
    """Where the rendered files and the build contexts go."""
    base_image: str = BASE_IMAGE
    """The Debian image that both are built on; ``NAME[:TAG]@sha256:HEX`` is this one image and no other."""
    mirror_agent: str = "built-in"
    """``built-in``, or ``spoa-mirror``: HAProxy's own mirror agent, from ``spoa_mirror_binary``."""
    capture_responses: str = "needed"
    """``needed`` or ``whole``: see `haproxy_config.settings.ProxySettings`, for both proxies."""
    cloudwatch_agent: str = "auto"
    """Amazon's CloudWatch Agent for the primary's image, see `capture.cloudwatch_package`."""
    spoa_mirror_binary: Path | None = None
    """The program that the primary's image carries when it is the mirror agent."""

    def __post_init__(self) -> None:
        _check_completeness(self)
        _check_images(self)
        _check_nodes(self)
        _check_mirror_agent(self)
        check_cloudwatch_agent(self.cloudwatch_agent)
        try:
            _ = self.primary, self.shadow
        except SettingsError as error:
            raise bad_input(str(error), error.hint) from error

    @property
    def mirrors(self) -> bool:
        """Whether there is a shadow."""
        return bool(self.shadow_haproxy)

    @property
    def primary(self) -> ProxySettings:
        """The settings of the proxy in front of the primary cluster."""
        return ProxySettings(
            role="primary",
            nodes=self.primary_nodes,
            mirror_to=self.shadow_haproxy,
            port=self.internal_port,
            mirror_agent=self.mirror_agent,
            capture_responses=self.capture_responses,
        )

    @property
    def shadow(self) -> ProxySettings | None:
        """The settings of the proxy in front of the shadow cluster, if there is one."""
        if not self.mirrors:
            return None
        return ProxySettings(
            role="shadow",
            nodes=self.shadow_nodes,
            port=self.internal_port,
            capture_responses=self.capture_responses,
        )


def _check_completeness(settings: BuildSettings) -> None:
    if not settings.primary_nodes:
        raise bad_input("no primary node is given", "name at least one: --primary-nodes HOST:PORT")
    shadow = {
        "--shadow-haproxy": settings.shadow_haproxy,
        "--shadow-image": settings.shadow_image,
        "--shadow-nodes": settings.shadow_nodes,
    }
    missing = [option for option, value in shadow.items() if not value]
    if 0 < len(missing) < len(shadow):
        raise bad_input(
            f"{_join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            f"give {_join(shadow)} to mirror, or none of them for a primary that only captures",
        )


def _check_images(settings: BuildSettings) -> None:
    references = {}
    names = {
        "--primary-image": settings.primary_image,
        "--shadow-image": settings.shadow_image,
        "--base-image": settings.base_image,
    }
    for option, name in names.items():
        if name is None:
            continue
        try:
            references[option] = parse_pinned(name)[0] if option == "--base-image" else parse_reference(name)
        except InvalidReferenceError as error:
            raise bad_input(f"{option}: '{name}' is not a valid image name", str(error)) from error
    for index, one in enumerate(references):
        for other in list(references)[index + 1 :]:
            if references[one] == references[other]:
                raise bad_input(
                    f"{one} and {other} are the same image: '{names[other]}'",
                    "give each of them a name of its own",
                )


def _check_nodes(settings: BuildSettings) -> None:
    groups = {
        "--primary-nodes": settings.primary_nodes,
        "--shadow-haproxy": settings.shadow_haproxy,
        "--shadow-nodes": settings.shadow_nodes,
    }
    seen: dict[Node, str] = {}
    for option, nodes in groups.items():
        for node in nodes:
            if node.is_loopback and node.port == settings.internal_port:
                raise bad_input(
                    f"{option}: '{node}' is the proxy itself, which listens on that port of its own loopback (a loop)",
                    "name an address that the container can reach, e.g. host.docker.internal:PORT, or another --internal-port",
                )
            first = seen.setdefault(node, option)
            if first == option and nodes.count(node) == 1:
                continue
            if first == option:
                raise bad_input(f"{option}: '{node}' is given twice", "name every node once")
            # Each container has a loopback of its own, so the same text can mean two places there.
            if not node.is_loopback:
                raise bad_input(
                    f"'{node}' is in both {first} and {option}",
                    "primary, shadow and shadow HAProxy are different places",
                )


def _check_mirror_agent(settings: BuildSettings) -> None:
    if settings.mirror_agent not in MIRROR_AGENTS:
        raise bad_input(
            f"--mirror-agent: there is no '{settings.mirror_agent}'",
            f"it is one of: {', '.join(MIRROR_AGENTS)}",
        )
    binary = settings.spoa_mirror_binary
    if settings.mirror_agent != "spoa-mirror":
        if binary is not None:
            raise bad_input("--spoa-mirror-binary is given, but not used", "add --mirror-agent spoa-mirror")
        return
    if not settings.mirrors:
        raise bad_input("--mirror-agent spoa-mirror has nothing to mirror to", "add the --shadow-... options")
    if binary is None:
        raise bad_input("--mirror-agent spoa-mirror needs the program", "add --spoa-mirror-binary FILE")
    _check_binary(binary)


def _check_binary(binary: Path) -> None:
    build_it = "build it from github.com/haproxytech/spoa-mirror for the base image's Debian release"
    if not binary.exists():
        raise bad_input(f"--spoa-mirror-binary: there is no file '{binary}'", build_it)
    if not binary.is_file():
        raise bad_input(f"--spoa-mirror-binary: '{binary}' is not a file", build_it)
    if not os.access(binary, os.R_OK | os.X_OK):
        raise bad_input(f"--spoa-mirror-binary: '{binary}' is not executable", f"chmod a+rx {binary}")


def _join(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
