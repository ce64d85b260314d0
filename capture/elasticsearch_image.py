"""The image that clusters are made of: the published one where it can be pulled, else one built here.

Both answer ``GET /`` with the same version and build hash, and take their settings as environment variables. Another version, or
OpenSearch, is another table in ``versions.toml`` and another ``modules.toml``.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from capture.base_image import ensure_base_image
from capture.build_output import BuildOutput
from capture.console import Console
from capture.elasticsearch_modules import read_modules, write_modules
from capture.engine import BuildError, Engine
from capture.errors import ExitCode, UserError
from capture.pinned_image import base_arguments, base_labels, pull_pinned
from capture.pull_error import PullError
from capture.versions import BASE_IMAGE, ELASTICSEARCH, ELASTICSEARCH_PARTS
from capture.workspace import REPOSITORY

BUILT_IMAGE = "cluster-traffic-capture-elasticsearch"
"""Name of an image that was built here; its tag is the version and a digest of what it was built from."""

CHECKSUMS = Path("checksums") / "checksums.sha256"
"""File of the build context: the SHA-256 of each file from the package archive."""

# Maven Resolver's words about a file that has another SHA-256 than that, or none there.
_REFUSED = ("trusted checksum mismatch", "trusted checksum(s) [SHA-256] for artifact")

_SOURCE = REPOSITORY / "docker_config_elasticsearch"


def ensure_elasticsearch_image(engine: Engine, console: Console) -> str:
    """See to it that ``engine`` has an Elasticsearch image, and return its name. One line of progress says which it is.

    Raises:
        UserError: the build failed (exit code 4), or its base image is nowhere.
    """
    published, version = ELASTICSEARCH["published_image"], ELASTICSEARCH["version"]
    with tempfile.TemporaryDirectory(prefix="cluster-traffic-capture-elasticsearch-") as temporary:
        context = Path(temporary) / "context"
        write_elasticsearch_context(context)
        built = f"{BUILT_IMAGE}:{version}-{digest_of(context)[:12]}"
        for name in (published, built):
            if engine.image_id(name) is not None:
                console.progress(f"Elasticsearch image: {name}, which the engine has")
                return name
        console.detail(f"Elasticsearch image {published}: asking the registry")
        try:
            digest = pull_pinned(engine, published)
        except PullError as error:
            why = error.why
            console.detail(f"  {error}")
        else:
            of = "" if digest is None else f" ({digest})"
            console.progress(f"Elasticsearch image: {published}, pulled from the registry{of}")
            return published
        console.progress(
            f"Elasticsearch image: {why}, so {built} is built from the genuine distribution (about 60 s, once)"
        )
        ensure_base_image(engine, BASE_IMAGE, console)
        _build(engine, context, built, console)
        return built


def write_elasticsearch_context(directory: Path) -> None:
    """Write what the image is built from to ``directory``, which must not be there yet."""
    shutil.copytree(_SOURCE, directory)
    write_modules(
        directory,
        read_modules(_SOURCE / "modules.toml"),
        ELASTICSEARCH["version"],
        ELASTICSEARCH_PARTS,
    )


def digest_of(directory: Path) -> str:
    """A digest of the files in ``directory``, and of what else decides what is built from them."""
    digest = hashlib.sha256(repr((BASE_IMAGE, sorted(ELASTICSEARCH.items()))).encode())
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(directory).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def build_arguments(engine: Engine) -> dict[str, str]:
    """Arguments of the image's build; ``engine`` has the base image."""
    return base_arguments(engine, BASE_IMAGE) | {
        "JAVA_PACKAGE": ELASTICSEARCH["java_package"],
        "VERSION": ELASTICSEARCH["version"],
        "BUILD_HASH": ELASTICSEARCH["build_hash"],
    }


def _build(engine: Engine, context: Path, tag: str, console: Console) -> None:
    output = BuildOutput(console)
    arguments = build_arguments(engine)
    try:
        labels = base_labels(engine, BASE_IMAGE)
        engine.build(context, tag=tag, arguments=arguments, labels=labels, on_line=output.take)
    except BuildError as error:
        refused = [line for line in output.lines if any(words in line for words in _REFUSED)]
        if refused:
            raise UserError(
                "what the package archive gives is not what this project knows, and was not used: "
                + refused[0].removeprefix("[ERROR]").strip(),
                hint="try again from another network, and find out who changed the file; after a change of a version or a module: "
                "python -m capture.pins maven (docs/downloads.md)",
                exit_code=ExitCode.BUILD_FAILED,
                detail=output.last(),
            ) from error
        raise UserError(
            f"the build of image {tag} failed: {error}",
            hint="it needs Debian's package archive and Maven Central: do `apt-get update` and `mvn` work on this machine? "
            "Behind a proxy that signs anew, set SSL_CERT_FILE",
            exit_code=ExitCode.BUILD_FAILED,
            detail=output.last(),
        ) from error
