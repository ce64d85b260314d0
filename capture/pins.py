"""``python -m capture.pins``: renews what downloads are checked against (docs/downloads.md), from what the archives give now.

What it writes is to be read before it is committed: it is what everybody trusts from then on.
"""

import re
import secrets
import tempfile
from pathlib import Path

import click

from capture.base_image import ensure_base_image
from capture.build_output import BuildOutput
from capture.command import CONTEXT, Command, Group
from capture.console import Console
from capture.container import ContainerSettings
from capture.elasticsearch_image import CHECKSUMS, build_arguments, write_elasticsearch_context
from capture.engine import BuildError, Engine, connect
from capture.errors import ExitCode, UserError
from capture.versions import BASE_IMAGE, DIGESTS
from capture.workspace import REPOSITORY

_PURPOSE = "pins"
_VERSIONS = REPOSITORY / "capture" / "versions.toml"
_MAVEN = REPOSITORY / "docker_config_elasticsearch" / CHECKSUMS
_HEADER = "# Made by `python -m capture.pins maven`: the SHA-256 of each file that Maven gets for the Elasticsearch image.\n"


def recorded_checksums(engine: Engine, console: Console) -> str:
    """The content of ``checksums.sha256``, from a build that takes whatever the package archive gives.

    Raises:
        UserError: the build failed (exit code 4).
    """
    ensure_base_image(engine, BASE_IMAGE, console)
    tag = f"cluster-traffic-capture-pins:{secrets.token_hex(4)}"
    output = BuildOutput(console)
    with tempfile.TemporaryDirectory(prefix="cluster-traffic-capture-pins-") as temporary:
        context = Path(temporary) / "context"
        write_elasticsearch_context(context)
        (context / CHECKSUMS).write_text("")
        arguments = build_arguments(engine) | {"CHECKSUMS": "record"}
        try:
            engine.build(context, tag=tag, arguments=arguments, on_line=output.take, stage="archive")
        except BuildError as error:
            raise UserError(
                f"the build that gets the files failed: {error}",
                hint="it needs Debian's package archive and Maven Central",
                exit_code=ExitCode.BUILD_FAILED,
                detail=output.last(),
            ) from error
    try:
        settings = ContainerSettings(image=tag, purpose=_PURPOSE, command=("true",))
        container = engine.run(settings)
        try:
            recorded = container.read_file(f"/tmp/{CHECKSUMS}").decode()  # noqa: S108 - in the container
        finally:
            container.remove()
    finally:
        engine.remove_image(tag)
    return _HEADER + by_path(recorded)


def by_path(recorded: str) -> str:
    """The lines ``HEX  PATH`` in the order of their paths."""
    lines = [line for line in recorded.splitlines() if line and not line.startswith("#")]
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split()[1]))


def with_digest(versions: str, name: str, digest: str) -> str:
    """``versions.toml`` with another digest of the image ``name``."""
    return re.sub(rf'^("{re.escape(name)}" = )".*"$', rf'\1"{digest}"', versions, flags=re.MULTILINE)


@click.group("python -m capture.pins", cls=Group, context_settings=CONTEXT)
def main() -> None:
    """Renew what downloads are checked against."""


@main.command("maven", cls=Command, context_settings=CONTEXT)
def maven_command() -> None:
    """Write the SHA-256 of each file that the Elasticsearch image's build gets from the package archive.

    Example: python -m capture.pins maven && git diff docker_config_elasticsearch
    """
    _MAVEN.write_text(recorded_checksums(connect(), Console()))
    click.echo(f"written: {_MAVEN}")


@main.command("images", cls=Command, context_settings=CONTEXT)
def images_command() -> None:
    """Ask the registries for today's digests of the images that are pulled by digest.

    Example: python -m capture.pins images && git diff capture/versions.toml
    """
    engine = connect()
    versions = _VERSIONS.read_text()
    for name, known in DIGESTS.items():
        digest = engine.registry_digest(name)
        click.echo(f"{name}: {digest}{' (as before)' if digest == known else ''}")
        versions = with_digest(versions, name, digest)
    _VERSIONS.write_text(versions)


if __name__ == "__main__":
    main()
