"""``docs/order-footprints.md``, made from the table of endpoints: ``python -m tests.unit.regenerate_footprints_page``."""

import ast
import itertools
from pathlib import Path

from agent.footprints import kinds
from agent.footprints.endpoint_table import ENDPOINTS

PAGE = Path(__file__).parents[2] / "docs" / "order-footprints.md"

_START = """<!-- Made by `python -m tests.unit.regenerate_footprints_page` from `agent/footprints/endpoint_table.py`: change that. -->

# What each endpoint reads and writes

A mirrored request waits for an earlier one where that one writes what it reads or writes. Here is what the agent takes each endpoint for.

- `{index}` is an index expression. Only names that the primary's answers showed to be concrete indices count as such; an alias, a
  data stream, a pattern, date math, `_all` or a list with one of them counts as every index.
- `{type}` is a type of Elasticsearch 7, `**` all that follows, if anything does.
- `/_opendistro/...` counts as `/_plugins/...`, `/_xpack/ml/...` as `/_ml/...` (`license`, `migration`, `rollup`, `security`, `sql`, `ssl`
  and `watcher`, too), HEAD as GET. OPTIONS reads and writes nothing.
- An endpoint that is not here reads everything; with another method than GET or HEAD it writes everything, too, unless the primary refused it
  (400, 401, 403, 404, 405).
- A body that can't be read (too long, cut, an unknown coding) makes the footprint wider, never narrower.
"""


def page() -> str:
    """The page as it should be."""
    parts = [_START]
    for kind, meaning in _meanings():
        parts.append(f"\n## {kind[0].upper()}{kind[1:]}\n\n{meaning}\n\n")
        for row_kind, methods, paths in ENDPOINTS:
            if row_kind == kind:
                listed = ", ".join(f"`{path}`" for path in paths.split())
                parts.append(f"- {methods.replace(' ', ', ')}: {listed}\n")
    return "".join(parts)


def _meanings() -> list[tuple[str, str]]:
    """Each kind's word and docstring, in the order of the module."""
    assert kinds.__file__ is not None
    body = ast.parse(Path(kinds.__file__).read_text()).body
    words = {name: value for name, value in vars(kinds).items() if isinstance(value, str)}
    found = []
    for statement, following in itertools.pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            assert isinstance(following, ast.Expr)
            assert isinstance(following.value, ast.Constant)
            meaning = str(following.value.value)
            for name, word in words.items():
                meaning = meaning.replace(f"`{name}`", f'"{word[0].upper()}{word[1:]}"')
            found.append((words[statement.target.id], meaning.replace("``", "`")))
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
