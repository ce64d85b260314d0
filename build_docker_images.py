#!/usr/bin/env python3
"""Builds the Docker images of the capture proxies: a command over `capture.images.build_images`."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from capture.command import CONTEXT, CommaList, Command
from capture.console import Console, Verbosity
from capture.errors import ExitCode, bad_input
from capture.images import build_images
from capture.settings import WORKSPACE, BuildSettings
from capture.traffic_gen_image import build_traffic_gen_image, check_traffic_gen_image
from capture.versions import BASE_IMAGE
from haproxy_config.nodes import Node, NodeError, parse_node
from haproxy_config.settings import CAPTURE_RESPONSES, MIRROR_AGENTS

_EXAMPLE = """\b
Exit codes: 0 done, 1 something else failed, 2 input that can't be used, 3 no Docker engine, 4 a build failed,
130 interrupted, 143 ended by SIGTERM.

\b
Example:
  ./build_docker_images.py \\
      --primary-image haproxy-primary \\
      --primary-nodes host.docker.internal:9200 host.docker.internal:9201 \\
      --shadow-haproxy haproxy-shadow:9200 \\
      --shadow-image haproxy-shadow \\
      --shadow-nodes host.docker.internal:9202 host.docker.internal:9203 \\
      --internal-port 9200
  docker network create capture
  docker run -d --name haproxy-shadow --network capture --add-host host.docker.internal:host-gateway haproxy-shadow
  docker run -d --name haproxy-primary --network capture -p 80:9200 --add-host host.docker.internal:host-gateway haproxy-primary
  ./build_docker_images.py --traffic-gen-image traffic-gen
"""

_CONTEXT = {**CONTEXT, "auto_envvar_prefix": "CAPTURE_BUILD"}


# Options that say that proxies are to be built.
_OF_PROXIES = ("primary_nodes", "shadow_haproxy", "shadow_image", "shadow_nodes")

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _NodeType(CommaList, click.ParamType[Node]):
    """HOST:PORT or [IPv6]:PORT; several in one environment variable have spaces or commas between them."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Node:  # noqa: ARG002
        if isinstance(value, Node):
            return value
        try:
            return parse_node(value)
        except NodeError as error:
            raise bad_input(f"{param.opts[0] if param else 'node'}: {error}", error.hint) from error

    def split_envvar_value(self, rv: str) -> list[str]:
        return rv.replace(",", " ").split()


def _several_nodes(flag: str, text: str, default: str) -> Callable[[_Function], _Function]:
    return click.option(
        flag,
        type=_NodeType(),
        multiple=True,
        metavar="HOST:PORT...",
        show_envvar=True,
        show_default=default,
        help=text,
    )


@click.command("build_docker_images.py", cls=Command, context_settings=_CONTEXT, epilog=_EXAMPLE)
@click.option("--primary-image", default="haproxy-primary", show_envvar=True, metavar="NAME[:TAG]",
              help="Name of the image that stands in front of the primary cluster.")  # fmt: skip
@_several_nodes(
    "--primary-nodes",
    "The primary cluster's nodes, as its HAProxy reaches them.",
    "none, so it must be given",
)
@_several_nodes(
    "--shadow-haproxy",
    "The shadow HAProxy, or several, as the primary's reaches it.",
    "none: nothing is mirrored",
)
@click.option("--shadow-image", show_envvar=True, show_default="none: no image for the shadow", metavar="NAME[:TAG]",
              help="Name of the image that stands in front of the shadow cluster.")  # fmt: skip
@_several_nodes("--shadow-nodes", "The shadow cluster's nodes, as its HAProxy reaches them.", "none")
@click.option("--internal-port", type=click.IntRange(1, 65535), default=9200, show_envvar=True, metavar="PORT",
              help="The port that HAProxy listens on inside its container.")  # fmt: skip
@click.option("--workspace", type=click.Path(path_type=Path), default=WORKSPACE, show_envvar=True, metavar="DIR",
              help="Where the rendered files and the build contexts go; replaced as a whole.")  # fmt: skip
@click.option("--base-image", default=BASE_IMAGE, show_envvar=True, metavar="NAME[:TAG]",
              help="Debian image to build on; made from Debian's archive when it can't be pulled.")  # fmt: skip
@click.option("--mirror-agent", type=click.Choice(MIRROR_AGENTS), default="built-in", show_envvar=True,
              help="What mirrors the requests: our agent, or HAProxy's spoa-mirror.")  # fmt: skip
@click.option("--capture-responses", type=click.Choice(CAPTURE_RESPONSES), default="needed", show_envvar=True,
              help="Whose answers are captured whatever their length: bulks', scrolls' and the like, or everybody's.")  # fmt: skip
@click.option("--spoa-mirror-binary", type=click.Path(path_type=Path), show_envvar=True, show_default="none", metavar="FILE",
              help="The spoa-mirror program, with --mirror-agent spoa-mirror.")  # fmt: skip
@click.option("--cloudwatch-agent", default="auto", show_envvar=True, metavar="auto|official|none|URL|FILE",
              help="Amazon's CloudWatch Agent, a .deb; auto: the official one when AWS credentials are exported. "
                   "#sha256=HEX behind URL or FILE is checked, else a URL's signature is.")  # fmt: skip
@click.option("--traffic-gen-image", show_envvar=True, show_default="none: not built", metavar="NAME[:TAG]",
              help="Name of the image of the traffic generator; without --primary-nodes and --shadow-..., only this is built.")  # fmt: skip
@click.option(
    "--dry-run",
    is_flag=True,
    show_envvar=True,
    show_default="off",
    help="Render the files into the workspace, build nothing.",
)
@click.option(
    "-q", "--quiet", is_flag=True, show_envvar=True, show_default="off", help="No progress on stderr."
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    show_envvar=True,
    show_default="off",
    help="The builds' whole output on stderr.",
)
def main(*, traffic_gen_image: str | None, dry_run: bool, quiet: bool, verbose: bool, **values: Any) -> None:
    """Build the Docker images of the capture proxies.

    The HAProxy of the primary image serves the primary cluster's nodes, captures every request and its answer, and
    mirrors the requests to the HAProxy of the shadow image, which serves and captures the shadow cluster. Without the
    three --shadow options one image is built, which captures and does not mirror.

    Options marked "..." take several values, with spaces or commas between them, and may be repeated.
    """
    verbosity = Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL
    console = Console(verbosity)
    settings = None
    if traffic_gen_image is None or any(values[name] for name in _OF_PROXIES):
        settings = BuildSettings(**values)
    if traffic_gen_image is not None:
        others = (
            () if settings is None else (settings.primary_image, settings.shadow_image, settings.base_image)
        )
        check_traffic_gen_image(traffic_gen_image, [name for name in others if name is not None])
    if settings is not None:
        build_images(settings, console=console, render_only=dry_run)
    if traffic_gen_image is not None and not dry_run:
        build_traffic_gen_image(traffic_gen_image, console=console)


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    # An exception, so that everything that was begun is removed on the way out.
    sys.exit(ExitCode.TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    main()
