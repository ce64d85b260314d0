"""Which packages go into the images, and which of the others they may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.settings import BuildSettings
from capture.workspace import copy_docker_files
from haproxy_config.nodes import parse_nodes

ROOT = Path(__file__).parents[2]

# docs/architecture.md: imports point inward.
MAY_IMPORT = {
    "agent": {"record", "service", "tee"},
    "tee": {"service"},
    "offload": {"record", "service"},
    "haproxy_config": {"service"},
    "record": set[str](),
    "service": set[str](),
}


def imported_by(package: Path) -> Iterator[str]:
    """The modules of this repository that a package's modules import from elsewhere in it."""
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if (ROOT / top / "__init__.py").exists() and top != package.name:
                    yield name


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_inward(package: str) -> None:
    imported = set(imported_by(ROOT / package))
    assert {name.split(".")[0] for name in imported} <= MAY_IMPORT[package]
    # Of the tee, the agent knows what the two tell each other.
    assert {name for name in imported if name.startswith("tee")} <= {"tee.handover", "tee.reading"}


def test_what_the_containers_run_is_in_the_images(tmp_path: Path) -> None:
    settings = BuildSettings(primary_image="primary", primary_nodes=parse_nodes(["node:9200"]))
    copy_docker_files(tmp_path, settings)
    app = tmp_path / "docker_config_base" / "app"
    assert {folder.name for folder in app.iterdir()} == {*MAY_IMPORT, "templates"}
    assert (app / "tee" / "__main__.py").exists()
