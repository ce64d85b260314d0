"""Both images, built for one run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ours import Images
from capture.console import Console
from capture.engine import Engine
from capture.images import build_images
from capture.settings import BuildSettings
from haproxy_config.nodes import parse_nodes


@contextmanager
def built_images(engine: Engine, workspace: Path, console: Console) -> Iterator[Images]:
    """Both images under names of this run's own, removed in the end; the next run finds their layers in the engine's cache."""
    token = secrets.token_hex(4)
    images = Images(f"capture-bench-{token}-primary", f"capture-bench-{token}-shadow")
    console.progress("Building the images")
    try:
        build_images(
            BuildSettings(
                primary_image=images.primary,
                primary_nodes=parse_nodes(["primary-node.invalid:9200"]),
                shadow_haproxy=parse_nodes(["shadow-haproxy.invalid:9200"]),
                shadow_image=images.shadow,
                shadow_nodes=parse_nodes(["shadow-node.invalid:9200"]),
                workspace=workspace,
            ),
            engine=engine,
        )
        yield images
    finally:
        engine.remove_image(images.primary)
        engine.remove_image(images.shadow)
