"""The ground that every command of the project stands on: options with several values, errors in two lines, exit codes."""

import sys
from collections.abc import Sequence
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


class Command(_Ending):
    """A click command whose ``multiple`` options take several values after one flag."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the flag before every further value, which is click's own way to give several."""
        several = {
            flag
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for flag in parameter.opts
        }
        return super().parse_args(ctx, repeat_flags(args, several))


class Group(_Ending, click.Group):
    """Several commands under one name."""


def repeat_flags(arguments: Sequence[str], flags: set[str]) -> list[str]:
    """``--nodes a b`` as ``--nodes a --nodes b``, for every flag of ``flags``; a value does not start with ``-``.

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
            flag, equals, _ = argument.partition("=")
            current = flag if flag in flags else None
            has_value = bool(equals)
        elif current is not None:
            if has_value:
                repeated.append(current)
            has_value = True
        repeated.append(argument)
    return repeated


def _fail(message: str, hint: str, code: ExitCode, detail: str) -> None:
    if detail:
        click.echo(detail, err=True)
    click.echo(f"error: {message}", err=True)
    click.echo(f"hint: {hint}", err=True)
    sys.exit(code)
