"""The pages: links lead somewhere, README is short, lines wrap, and each field of ``capture-status`` is explained."""

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agent.status
import offload.s3.status
import tee.status
from agent.app import Agent
from offload.app import Offloader
from offload.cloudwatch import CloudWatch
from offload.trouble import Trouble
from tee.app import Tee

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
README_LINES = 150

PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(DOCS.glob("**/*.md"))]

WIDTH = 100
WRAPPED = (
    "README.md",
    "docs/architecture.md",
    "SECURITY.md",
    "docs/benchmark.md",
    "docs/capture-format.md",
    "docs/demo.md",
    "docs/downloads.md",
    "docs/flows/build-and-demo.md",
    "docs/flows/large-request.md",
    "docs/flows/mirrored-request.md",
    "docs/flows/small-request.md",
    "docs/flows/stop-and-restart.md",
    "docs/index.md",
    "docs/limits.md",
    "docs/offload-s3.md",
    "docs/offload.md",
    "docs/operating.md",
    "docs/order.md",
    "docs/status.md",
    "docs/traffic.md",
    "docs/troubleshooting.md",
)
"""The pages whose lines wrap at `WIDTH`."""

_LINK = re.compile(r"\]\(([^()\s]+)\)")
_BARE_LINK = re.compile(r"(?:[-*] )?(?:<?https?://\S+|\[[^]]*\]\(\S+\))")


def prose(text: str) -> Iterator[str]:
    """The lines that are not in a code block."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield line


def links(text: str) -> list[str]:
    """The targets of links within the repository."""
    lines = (re.sub(r"`[^`]*`", "", line) for line in prose(text))
    return [target for line in lines for target in _LINK.findall(line) if "://" not in target]


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings.

    Lower case, letters, digits, underscores and hyphens; a heading that comes again gets a number.
    """
    found: set[str] = set()
    for line in prose(text):
        heading = re.fullmatch(r"#{1,6} +(.*?)(?: +#+)?", line)
        if heading is None:
            continue
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = 0
        while (anchor if not number else f"{anchor}-{number}") in found:
            number += 1
        found.add(anchor if not number else f"{anchor}-{number}")
    return found


def broken_links(page: Path) -> list[str]:
    """The targets that are not there; a link to a folder shows its listing."""
    broken = []
    for target in links(page.read_text()):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text())):
            broken.append(target)
    return broken


def too_long(text: str) -> list[str]:
    return [
        line
        for line in prose(text)
        if len(line) > WIDTH and not line.startswith(("|", "#")) and not _BARE_LINK.fullmatch(line)
    ]


def pages_to_list(docs: Path) -> set[str]:
    """The pages that the index should link, by their paths in ``docs``; the decisions have a list of their own."""
    pages = {*docs.glob("*.md"), *docs.glob("flows/*.md")} - {docs / "index.md"}
    return {page.relative_to(docs).as_posix() for page in pages}


def files_named(text: str) -> set[str]:
    """The paths in backticks that begin with a folder of the repository."""
    folders = {entry.name for entry in REPOSITORY.iterdir() if entry.is_dir()}
    words = re.findall(r"`([\w./-]+)`", "\n".join(prose(text)))
    return {word for word in words if word.partition("/")[0] in folders and "/" in word}


def keys_of(source: str) -> set[str]:
    """The strings that are keys: ``{"name": ...}`` and ``values["name"] = ...``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        keys: Iterable[ast.expr | None] = ()
        if isinstance(node, ast.Dict):
            keys = node.keys
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            keys = (node.slice,)
        found |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return found


def keys_in(*functions: Callable[..., Any]) -> set[str]:
    return {key for function in functions for key in keys_of(inspect.getsource(function))}


def printed_fields() -> set[str]:
    """Every name in what ``capture-status`` prints."""
    statuses: tuple[type[Any], ...] = (
        agent.status.Status,
        tee.status.Status,
        offload.s3.status.Status,
    )
    counters = {field.name for status in statuses for field in dataclasses.fields(status)}
    command = (REPOSITORY / "docker_config_base" / "bin" / "capture-status").read_text()
    others = keys_in(
        Agent._counters,
        Agent._backlog,
        Tee._counters,
        Offloader.status,
        CloudWatch.__init__,
        CloudWatch.status,
        Trouble.as_dict,
    )
    return counters | others | keys_of(command)


def documented_fields(text: str) -> set[str]:
    """The names in the first columns of tables, and in headings."""
    places = [
        line.split("|")[1] if line.startswith("|") else line
        for line in prose(text)
        if line.startswith(("|", "#"))
    ]
    return {name for place in places for name in re.findall(r"`(\w+)`", place)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken_links(page) == []


def test_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.read_text().splitlines()) <= README_LINES


@pytest.mark.parametrize("page", WRAPPED)
def test_lines_wrap(page: str) -> None:
    assert too_long((REPOSITORY / page).read_text()) == []


def test_the_index_links_every_page() -> None:
    index = DOCS / "index.md"
    linked = {target.partition("#")[0] for target in links(index.read_text())}
    assert pages_to_list(DOCS) - linked == set()
    assert "flows/small-request.md" in pages_to_list(DOCS)


@pytest.mark.parametrize(
    "page", [DOCS / "architecture.md", *sorted(DOCS.glob("flows/*.md"))], ids=lambda page: page.name
)
def test_the_files_that_the_architecture_names_are_there(page: Path) -> None:
    named = files_named(page.read_text())
    assert named
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()


def test_the_status_page_has_every_field_and_invents_none() -> None:
    assert documented_fields((DOCS / "status.md").read_text()) == printed_fields()


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Two `words`, and [a link](x.md)\n\n## Again\n\n## Again\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[1](other.md) [2](other.md#two-words-and-a-link) [3](other.md#again-1) [4](#here)\n"
        "[5](https://a.example/b)\n"
        "[6](none.md) [7](other.md#again-2) [8](#nowhere) `[9](code.md)` [`10`](gone.md)\n\n"
        "    [11](block.md)\n\n# Here\n"
    )
    assert broken_links(page) == ["none.md", "other.md#again-2", "#nowhere", "gone.md"]


def test_a_long_line_is_found() -> None:
    long = "word " * 30
    text = f"{long}\n# {long}\n| {long} |\n- https://example/{'x' * 100}\n\n    {long}\n\n```\n{long}\n```\n"
    assert too_long(text) == [long]


def test_each_decision_is_listed_with_its_title() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    pages = sorted(folder.glob("[0-9]*.md"))
    titles = [page.read_text("utf-8").partition("\n")[0].removeprefix("# ").partition(" ") for page in pages]
    assert [number for number, _, _ in titles] == [page.name[:4] for page in pages]
    rows = [
        f"- [{number}]({page.name}): {title}" for (number, _, title), page in zip(titles, pages, strict=True)
    ]
    listed = [
        line for line in (folder / "README.md").read_text("utf-8").splitlines() if line.startswith("- ")
    ]
    assert listed == rows
