"""docs/capture-format.md and the JSON Schema name the same fields."""

import json
import re
from pathlib import Path
from typing import Any

from tests.har import SCHEMA, read_line

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs" / "capture-format.md"


def schema_fields(node: dict[str, Any], prefix: str = "") -> set[str]:
    fields: set[str] = set()
    for name, child in node.get("properties", {}).items():
        fields |= {prefix + name} | schema_fields(child, f"{prefix}{name}.")
    return fields


def documented_fields(text: str) -> list[str]:
    table = text.partition("## Fields")[2].partition("## Timings")[0]
    return re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)


def test_every_field_is_documented_once_and_none_is_invented() -> None:
    documented = documented_fields(DOCUMENT.read_text())
    assert len(documented) == len(set(documented))
    assert set(documented) == schema_fields(json.loads(SCHEMA.read_text()))


def test_the_example_is_a_line() -> None:
    example = json.loads(DOCUMENT.read_text().partition("```json\n")[2].partition("```")[0])
    line = json.dumps(example, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    assert read_line(line)["request"]["postData"]["text"] == '{"name": "Finwe"}'
