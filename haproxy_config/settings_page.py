"""``docs/settings.md``, made from the table of settings: ``python -m haproxy_config.settings_page``."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

from haproxy_config.setting import Setting, setting_of
from haproxy_config.settings import ProxySettings, environment_name

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

# Heading -> the first setting below it.
SECTIONS = {
    "Where the proxy stands": "nodes",
    "HAProxy": "threads",
    "The capture log": "log_path",
    "What is captured": "capture_responses",
    "The mirror": "order",
    "Lines of the log": "capture_queue_bytes",
    "The tee's copies": "tee_memory_bytes",
    "Off the host": "offload",
    "To CloudWatch Logs": "cloudwatch_log_group",
    "To S3": "s3_url",
}

_HEAD = """\
<!-- Made from haproxy_config/settings.py by `python -m haproxy_config.settings_page`. Do not edit. -->

# Settings of a running container

Give a container any of these as an environment variable, for example
`docker run -e CAPTURE_ORDER=strict ...`. So one build serves several hosts. The container says on
its start when a value can't be used (`docker logs`), and ends with exit code 2.

Sizes are bytes, without a unit: `-e CAPTURE_SPOOL_BYTES=8589934592` for 8 GiB. Lists are separated
by spaces or commas. A variable that begins with `CAPTURE_` and is nearly one of these is refused as
a slip; other variables of that kind are left alone.

`CAPTURE_MIRROR_KEY_FILE` is no value but the name of a file that holds `CAPTURE_MIRROR_KEY`, and
that user 10001 can read.
"""

_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def page() -> str:
    """The page as text."""
    return "\n".join(itertools.chain([_HEAD], *(_section(*section) for section in _sections())))


def undescribed() -> list[str]:
    """Settings that are in no section: only those of the build's."""
    return [field.name for field in dataclasses.fields(ProxySettings)][: _positions()[0]]


def _positions() -> list[int]:
    names = [field.name for field in dataclasses.fields(ProxySettings)]
    return [names.index(first) for first in SECTIONS.values()]


def _sections() -> Iterator[tuple[str, list[dataclasses.Field[object]]]]:
    fields = list(dataclasses.fields(ProxySettings))
    starts = _positions()
    for heading, start, end in zip(SECTIONS, starts, [*starts[1:], len(fields)], strict=True):
        yield heading, fields[start:end]


def _section(heading: str, fields: list[dataclasses.Field[object]]) -> Iterator[str]:
    yield f"## {heading}\n"
    yield "| variable | default | values, or an example | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        known = setting_of(field)
        cells = (
            f"`{environment_name(field.name)}`",
            _default(field),
            _values(field.name, known),
            known.meaning,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _default(field: dataclasses.Field[object]) -> str:
    value = field.default
    if value is dataclasses.MISSING or field.name in ("mirror_to", "mirror_agent", "port", "mirror_key"):
        return "as built"
    if isinstance(value, tuple):
        return " ".join(f"`{item}`" for item in value) or "empty"
    if value == "":
        return "empty"
    return _number(field.name, value) if isinstance(value, int | float) else f"`{value}`"


def _values(name: str, known: Setting) -> str:
    if known.between is not None:
        return " to ".join(_number(name, value) for value in known.between)
    if known.one_of:
        return ", ".join(f"`{word}`" for word in known.one_of)
    return known.example


def _number(name: str, value: float) -> str:
    """With its unit, which is the end of the setting's name."""
    if name.endswith(("_bytes", "bufsize", "_bytes_per_s")):
        a_second = "/s" if name.endswith("_s") else ""
        for unit, size in _UNITS:
            if value and value % size == 0:
                return f"{value // size:g} {unit}{a_second}"
        return f"{value:,}"
    for end, unit in (("_ms", " ms"), ("_s", " s")):
        if name.endswith(end):
            return f"{value:,}{unit}"
    return f"{value:,}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
