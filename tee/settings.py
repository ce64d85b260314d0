"""The tee's settings, read once at the start from the rendered TOML file."""

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
class TeeSettings:
    """``*_bytes`` bytes, ``*_s`` seconds."""

    memory_bytes: int
    """Memory for copies; from half of it on they move to the spool."""
    spool_dir: str
    """Directory of the spool file."""
    spool_bytes: int
    """The spool file's size at most; 0: there is none."""
    kept_exchanges: int
    """Ended exchanges that wait for the agent, at most."""
    drain_s: float
    """How long open exchanges may go on after SIGTERM."""


def load_settings(path: Path) -> TeeSettings:
    """Read the settings.

    Raises:
        SettingsError: the file is missing or no TOML, a name is unknown, missing or of the wrong type, a value is negative.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"can't read {path}: {error}") from error
    kinds = typing.get_type_hints(TeeSettings)
    for name, value in values.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise SettingsError(
                f"{path}: unknown setting '{name}'{f', did you mean {near[0]!r}?' if near else ''}"
            )
        if not _is(value, kinds[name]):
            raise SettingsError(f"{path}: '{name}' is {value!r}")
    missing = [field.name for field in dataclasses.fields(TeeSettings) if field.name not in values]
    if missing:
        raise SettingsError(f"{path}: missing: {', '.join(missing)}")
    return TeeSettings(**values)


def _is(value: object, kind: object) -> bool:
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return False
    return kind is float or isinstance(value, int)
