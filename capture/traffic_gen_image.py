"""The image of the traffic generator: OpenSearch Benchmark with its workloads, from ``docker_config_traffic_gen``."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from capture.base_image import ensure_base_image
from capture.build_output import BuildOutput
from capture.console import SILENT, Console
from capture.engine import BuildError, Engine, connect
from capture.errors import ExitCode, UserError, bad_input
from capture.pinned_image import base_arguments, base_labels
from capture.reference import InvalidReferenceError, parse_pinned, parse_reference
from capture.versions import TRAFFIC_GEN_BASE_IMAGE
from capture.workspace import REPOSITORY

_SOURCE = REPOSITORY / "docker_config_traffic_gen"


def check_traffic_gen_image(name: str, others: Iterable[str] = ()) -> None:
    """Check that ``name`` can be the image's, beside ``others`` that are made or used by the same call.

    Raises:
        UserError: (exit code 2) it can't.
    """
    try:
        reference = parse_reference(name)
    except InvalidReferenceError as error:
        raise bad_input(f"--traffic-gen-image: '{name}' is not a valid image name", str(error)) from error
    if reference in [parse_pinned(each)[0] for each in (*others, TRAFFIC_GEN_BASE_IMAGE)]:
        raise bad_input(
            f"--traffic-gen-image: '{name}' is another image of this build", "give it a name of its own"
        )


def build_traffic_gen_image(name: str, *, console: Console = SILENT, engine: Engine | None = None) -> str:
    """Build the image ``name``, and return its id.

    Raises:
        UserError: with the exit codes of `capture.errors`.
    """
    check_traffic_gen_image(name)
    engine = engine or connect()
    ensure_base_image(engine, TRAFFIC_GEN_BASE_IMAGE, console)
    console.result("Building Traffic Generator Docker image...")
    with tempfile.TemporaryDirectory(prefix="cluster-traffic-capture-traffic-gen-") as temporary:
        context = Path(temporary) / "context"
        shutil.copytree(_SOURCE, context, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
        image = _build(engine, context, name, console)
    console.result(f"Traffic Generator image available locally w/ tag: {name}")
    return image


def _build(engine: Engine, context: Path, tag: str, console: Console) -> str:
    output = BuildOutput(console)
    try:
        return engine.build(
            context,
            tag=tag,
            arguments=base_arguments(engine, TRAFFIC_GEN_BASE_IMAGE),
            labels=base_labels(engine, TRAFFIC_GEN_BASE_IMAGE),
            on_line=output.take,
        )
    except BuildError as error:
        raise UserError(
            f"the build of image {tag} failed: {error}",
            hint="it needs Debian's package archive and PyPI: do `apt-get update` and `pip download six` work on this machine? "
            "Behind a proxy that signs anew, set SSL_CERT_FILE",
            exit_code=ExitCode.BUILD_FAILED,
            detail=output.last(),
        ) from error
