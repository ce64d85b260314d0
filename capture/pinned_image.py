"""Images from a registry, pulled by the digest that is known for them, and which one it was, for the images that are built on them."""

from capture.debian_release import check_valid_until
from capture.engine import Engine
from capture.reference import parse_pinned
from capture.versions import DIGESTS

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
"""Labels of a built image (OCI image specification, annotations)."""


def pull_pinned(engine: Engine, name: str) -> str | None:
    """Pull the image ``name`` by its digest in ``versions.toml``, where there is one, and return the digest of what was pulled.

    Raises:
        PullError: as `Engine.pull`; also where the registry has another image of that name only.
    """
    reference, digest = parse_pinned(name)
    known = DIGESTS.get(reference.familiar)
    if digest or known is None:
        engine.pull(name)
        return engine.image_digest(name)
    engine.pull(f"{name}@{known}")
    engine.tag(f"{name}@{known}", name)
    return known


def base_arguments(engine: Engine, name: str) -> dict[str, str]:
    """Arguments of a build on the image ``name``, which the engine has."""
    # What stands behind FROM is looked for at a registry again when it has a digest, by some builders.
    base = engine.image_id(name) if parse_pinned(name)[1] else None
    return {"BASE_IMAGE": base or name, "CHECK_VALID_UNTIL": check_valid_until(name)}


def base_labels(engine: Engine, name: str) -> dict[str, str]:
    """Labels of what is built on the image ``name``: its name, and its digest where a registry gave it."""
    digest = engine.image_digest(name)
    return {BASE_NAME: name.partition("@")[0]} | ({} if digest is None else {BASE_DIGEST: digest})
