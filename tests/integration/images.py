"""Both images, built as a user does; their nodes are to be given at the start of a container."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capture.engine import Engine
from capture.images import build_images
from capture.settings import BuildSettings
from capture.versions import BASE_IMAGE
from haproxy_config.nodes import parse_nodes
from tests.integration.proxies import INTERNAL_PORT, Images


@contextmanager
def built_images(
    engine: Engine, name: str, workspace: Path, base_image: str = BASE_IMAGE
) -> Iterator[Images]:
    """Images named after ``name``, for the time of a ``with`` block."""
    images = Images(f"{name}-primary", f"{name}-shadow", workspace)
    try:
        build_images(
            BuildSettings(
                primary_image=images.primary,
                primary_nodes=parse_nodes(["primary-node.invalid:9200"]),
                shadow_image=images.shadow,
                shadow_nodes=parse_nodes(["shadow-node.invalid:9200"]),
                shadow_haproxy=parse_nodes(["shadow-haproxy.invalid:9200"]),
                internal_port=INTERNAL_PORT,
                workspace=workspace,
                base_image=base_image,
            ),
            engine=engine,
        )
        yield images
    finally:
        engine.remove_image(images.primary)
        engine.remove_image(images.shadow)
