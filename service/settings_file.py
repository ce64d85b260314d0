"""A process's settings, read once at its start from a rendered TOML file into a frozen dataclass."""

import dataclasses
import difflib
import tomllib
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    Settings = TypeVar("Settings")


class SettingsError(ValueError):
    """The file can't be used; the text says why in one line."""


def read_settings(path: Path, kind: type[Settings]) -> Settings:
    """Read ``path`` as a ``kind``, whose fields are numbers (0 or more), strings and tuples of strings, and all given.

    Raises:
        SettingsError: the file is missing or no TOML, a name is unknown, missing or of the wrong type, a number is negative.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"can't read {path}: {error}") from error
    types = typing.get_type_hints(kind)
    for name, value in values.items():
        if name not in types:
            near = difflib.get_close_matches(name, types, n=1)
            raise SettingsError(
                f"{path}: unknown setting '{name}'{f', did you mean {near[0]!r}?' if near else ''}"
            )
        if not _is(value, types[name]):
            raise SettingsError(f"{path}: '{name}' is {value!r}")
    missing = [field.name for field in dataclasses.fields(kind) if field.name not in values]
    if missing:
        raise SettingsError(f"{path}: missing: {', '.join(missing)}")
    return kind(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    )


def _is(value: object, type_: object) -> bool:
    if type_ is str:
        return isinstance(value, str)
    if type_ in (int, float):
        # TOML has "nan" too, which is not 0 or more.
        is_number = isinstance(value, int if type_ is int else int | float) and not isinstance(value, bool)
        return is_number and value >= 0  # type: ignore[operator]
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
