"""One setting of the table in `haproxy_config.settings`: what it means, and which values it may have."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Final

_KEY: Final = "setting"


class SettingsError(ValueError):
    """Settings that can't be used; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Setting:
    """What is known of one setting besides its name, type and default.

    Args:
        meaning: one or a few sentences for an operator, in Markdown.
        between: smallest and largest number.
        one_of: the words that it may be.
        pattern: what a text that is not empty looks like, or each text of a list.
        example: what to write instead of a text that does not.
        secret: its value appears in no message and no file.
    """

    meaning: str
    between: tuple[float, float] | None = None
    one_of: tuple[object, ...] = ()
    pattern: re.Pattern[str] | None = None
    example: str = ""
    secret: bool = False

    def check(self, name: str, value: object) -> None:
        """Refuse a value that the setting ``name`` can't have.

        Raises:
            SettingsError: it is none of the words, does not look like the pattern, or is out of the range.
        """
        if self.one_of and value not in self.one_of:
            words = ", ".join(str(word) for word in self.one_of)
            raise SettingsError(f"{name} is {value!r}", f"it is one of: {words}")
        if self.pattern is not None:
            if isinstance(value, tuple):
                for text in value:
                    if not self.pattern.fullmatch(text):
                        raise SettingsError(f"{name}: '{text}' can't be in it", f"write {self.example}")
            elif value and not self.pattern.fullmatch(str(value)):
                raise SettingsError(f"{name} can't be '{value}'", f"write it as {self.example}")
        if self.between is not None:
            low, high = self.between
            if not low <= value <= high:  # type: ignore[operator]
                raise SettingsError(f"{name} is {value}", f"it is a number from {low} to {high}")


def setting(
    default: object,
    meaning: str,
    *,
    between: tuple[float, float] | None = None,
    one_of: tuple[object, ...] = (),
    pattern: re.Pattern[str] | None = None,
    example: str = "",
    secret: bool = False,
) -> Any:
    """A field of a dataclass with a `Setting`; see there for the arguments. ``default`` may be `dataclasses.MISSING`."""
    known = Setting(meaning, between, one_of, pattern, example, secret)
    return dataclasses.field(default=default, metadata={_KEY: known}, repr=not secret)


def setting_of(field: dataclasses.Field[Any]) -> Setting:
    """What is known of a field."""
    known: Setting = field.metadata[_KEY]
    return known
