"""Builds the images of both proxies: what ``build_docker_images.py`` does, for Python callers too."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from capture.base_image import ensure_base_image
from capture.build_output import BuildOutput
from capture.cloudwatch_package import cloudwatch_package
from capture.console import SILENT, Console
from capture.engine import BuildError, Engine, connect
from capture.errors import ExitCode, UserError
from capture.mirror_key import keep_key, shared_key
from capture.pinned_image import base_arguments, base_labels
from capture.settings import BuildSettings
from capture.workspace import (
    WITH_MIRROR,
    WITHOUT_MIRROR,
    add_package,
    copy_docker_files,
    keep_failed,
    staged_workspace,
    write_configuration,
)

SHARED_IMAGE = "cluster-traffic-capture-base"
"""The image that both proxies' images share."""

BUILD_LOG = "build.log"
"""File of the workspace with the output of the builds."""


@dataclass(frozen=True)
class BuiltImages:
    """What a build made: the workspace, and the images' ids (None when rendered only, or without a shadow)."""

    workspace: Path
    primary_id: str | None = None
    shadow_id: str | None = None


def build_images(
    settings: BuildSettings,
    *,
    console: Console = SILENT,
    render_only: bool = False,
    engine: Engine | None = None,
) -> BuiltImages:
    """Render the configuration and build the images.

    ``engine`` is the one that answers (`capture.engine.connect`) unless another is given; with ``render_only`` none is needed.

    Raises:
        UserError: with the exit codes of `capture.errors`. The workspace is then as it was.
    """
    with staged_workspace(settings.workspace) as staging:
        if not render_only:
            engine = engine or connect()
            ensure_base_image(engine, settings.base_image, console)
        _render(staging, settings, console)
        add_package(staging, None if engine is None or render_only else _package(settings, engine, console))
        if engine is None or render_only:
            return BuiltImages(settings.workspace)
        return _Builds(engine, staging, settings, console).run()


def _package(settings: BuildSettings, engine: Engine, console: Console) -> Path | None:
    """The CloudWatch Agent's package; None, and a line that says why, where there is none."""
    return cloudwatch_package(settings.cloudwatch_agent, engine.architecture(), os.environ, console)


def _render(staging: Path, settings: BuildSettings, console: Console) -> None:
    console.result(f"Copying Docker-related files to: {settings.workspace}")
    copy_docker_files(staging, settings)
    key = shared_key(settings.workspace)
    keep_key(staging, key)
    rendered = {WITHOUT_MIRROR: settings.shadow or settings.primary}
    if settings.mirrors:
        rendered[WITH_MIRROR] = settings.primary
    for name, proxy in rendered.items():
        console.result(f"Writing HAProxy Config to: {settings.workspace / name}")
        binary = settings.spoa_mirror_binary if proxy.role == "primary" else None
        keyed = dataclasses.replace(proxy, mirror_key=key if settings.mirrors else "")
        (staging / name).write_text(write_configuration(staging, keyed, binary))


class _Builds:
    """The builds of one call, which share a log."""

    def __init__(self, engine: Engine, staging: Path, settings: BuildSettings, console: Console) -> None:
        self._engine = engine
        self._staging = staging
        self._settings = settings
        self._console = console
        self._output = BuildOutput(console)
        self._arguments = base_arguments(engine, settings.base_image)
        self._labels = base_labels(engine, settings.base_image)

    def run(self) -> BuiltImages:
        settings = self._settings
        self._console.result("Building HAProxy Docker image for Primary Cluster...")
        base = self._build("base", SHARED_IMAGE, self._arguments)
        primary = self._build("primary", settings.primary_image, self._arguments | {"BASE_IMAGE": base})
        self._console.result(f"Primary HAProxy image available locally w/ tag: {settings.primary_image}")
        shadow = None
        if settings.shadow_image is not None:
            self._console.result("Building HAProxy Docker image for Shadow Cluster...")
            shadow = self._build("shadow", settings.shadow_image, {"BASE_IMAGE": base})
            self._console.result(f"Shadow HAProxy image available locally w/ tag: {settings.shadow_image}")
        (self._staging / BUILD_LOG).write_text("\n".join(self._output.lines) + "\n")
        return BuiltImages(settings.workspace, primary, shadow)

    def _build(self, folder: str, tag: str, arguments: Mapping[str, str]) -> str:
        directory = self._staging / f"docker_config_{folder}"
        start = len(self._output.lines)
        try:
            return self._engine.build(
                directory,
                tag=tag,
                arguments=arguments,
                labels=self._labels,
                on_line=self._output.take,
            )
        except BuildError as error:
            (self._staging / BUILD_LOG).write_text("\n".join(self._output.lines) + "\n")
            failed = keep_failed(self._staging, self._settings.workspace)
            raise UserError(
                f"the build of image {tag} failed: {error}",
                hint=f"the rest of its output is in {failed / BUILD_LOG}, what it was built from in {failed}",
                exit_code=ExitCode.BUILD_FAILED,
                detail=self._output.last(start),
            ) from error
