"""The ground that every command of the project stands on: options with several values, errors in two lines, exit codes."""

import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import click

from capture.errors import ExitCode, UserError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
"""``context_settings`` of every command."""


class _Ending(click.Command):
    """Ends the process with one of `capture.errors.ExitCode`, and tells an error in a line and a hint."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            # Not an int: the help was shown.
            code = super().main(args, *rest, **extra)
        except UserError as error:
            _fail(str(error), error.hint, error.exit_code, error.detail)
        except click.UsageError as error:
            program = error.ctx.command_path if error.ctx else self.name
            _fail(error.format_message(), f"'{program} -h' shows every option", ExitCode.BAD_INPUT, "")
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            sys.exit(ExitCode.INTERRUPTED)
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)


class CommaList:
    """Mixed into the type of an option that takes several values: those of one word may have commas between them."""


class Command(_Ending):
    """A click command whose ``multiple`` options take several values after one flag."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the flag before every further value, which is click's own way to give several."""
        several = [
            parameter
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
        ]
        flags = {flag for parameter in several for flag in parameter.opts}
        lists = {
            flag for parameter in several if isinstance(parameter.type, CommaList) for flag in parameter.opts
        }
        return super().parse_args(ctx, repeat_flags(args, flags, lists))


class Group(_Ending, click.Group):
    """Several commands under one name."""


def repeat_flags(
    arguments: Sequence[str], flags: AbstractSet[str], lists: AbstractSet[str] = frozenset()
) -> list[str]:
    """``--nodes a b`` as ``--nodes a --nodes b``, for every flag of ``flags``; a value does not start with ``-``.

    For a flag of ``lists``, ``a,b`` is two values, too.

    Raises:
        click.BadOptionUsage: such a flag has no value.
    """
    repeated: list[str] = []
    current: str | None = None
    has_value = False
    for argument in arguments:
        if argument.startswith("-"):
            if current is not None and not has_value:
                # click would take the next flag for the value.
                raise click.BadOptionUsage(current, f"Option '{current}' requires an argument.")
            flag, equals, value = argument.partition("=")
            current = flag if flag in flags else None
            has_value = bool(equals)
            if equals and flag in lists:
                for one in _split(value):
                    repeated += [flag, one]
            else:
                repeated.append(argument)
        elif current is not None:
            for one in _split(argument) if current in lists else [argument]:
                repeated += [current, one] if has_value else [one]
                has_value = True
        else:
            repeated.append(argument)
    return repeated


def _split(text: str) -> list[str]:
    """The parts between commas; a comma at the end ("a, b" is two words) makes no empty one."""
    return [part for part in text.split(",") if part] or [text]


def _fail(message: str, hint: str, code: ExitCode, detail: str) -> None:
    if detail:
        click.echo(detail, err=True)
    click.echo(f"error: {message}", err=True)
    click.echo(f"hint: {hint}", err=True)
    sys.exit(code)
