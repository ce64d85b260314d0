"""The agent's settings, read once at the start from the rendered TOML file."""

import dataclasses
import difflib
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """The file can't be used; the text says why in one line."""


@dataclass(frozen=True)
class AgentSettings:
    """See `haproxy_config.settings.ProxySettings` for what each means to an operator; ``*_bytes`` bytes, ``*_s`` seconds."""

    cluster: str
    message_bytes: int
    """What HAProxy's buffer holds of one message."""
    drain_s: float
    log_path: str
    log_file_bytes: int
    log_total_bytes: int
    redact_headers: tuple[str, ...]
    unanswered_s: float
    """How long HAProxy's news of an end are waited for at most."""
    pending_bytes: int
    mirror_to: tuple[str, ...]
    """``host:port``, or ``[IPv6]:port``."""
    mirror_connections: int
    mirror_queue_bytes: int
    mirror_deadline_s: float
    capture_queue_bytes: int
    body_bytes: int
    prefix_bytes: int


def load_settings(path: Path) -> AgentSettings:
    """Read the settings.

    Raises:
        SettingsError: the file is missing or no TOML, a name is unknown, missing or of the wrong type.
    """
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"can't read {path}: {error}") from error
    kinds = typing.get_type_hints(AgentSettings)
    for name, value in values.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise SettingsError(
                f"{path}: unknown setting '{name}'{f', did you mean {near[0]!r}?' if near else ''}"
            )
        if not _is(value, kinds[name]):
            raise SettingsError(f"{path}: '{name}' is {value!r}")
    missing = [field.name for field in dataclasses.fields(AgentSettings) if field.name not in values]
    if missing:
        raise SettingsError(f"{path}: missing: {', '.join(missing)}")
    read: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return AgentSettings(**read)


def _is(value: object, kind: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
