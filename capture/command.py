"""The ground that every command of the project stands on: options with several values, errors in two lines, exit codes."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from capture.errors import ExitCode, UserError


class Command(click.Command):
    """A click command whose ``multiple`` options take several values after one flag, and whose errors are a line and a hint."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the flag before every further value, which is click's own way to give several."""
        several = {
            flag
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for flag in parameter.opts
        }
        return super().parse_args(ctx, repeat_flags(args, several))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command, and end the process with one of `capture.errors.ExitCode`."""
        extra["standalone_mode"] = False
        try:
            super().main(args, *rest, **extra)
        except UserError as error:
            _fail(str(error), error.hint, error.exit_code, error.detail)
        except click.UsageError as error:
            program = error.ctx.command_path if error.ctx else self.name
            _fail(error.format_message(), f"'{program} -h' shows every option", ExitCode.BAD_INPUT)
        except click.ClickException as error:
            _fail(error.format_message(), "", ExitCode.FAILED)
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            sys.exit(ExitCode.INTERRUPTED)
        sys.exit(ExitCode.DONE)


def repeat_flags(arguments: Sequence[str], flags: set[str]) -> list[str]:
    """``--nodes a b`` as ``--nodes a --nodes b``, for every flag of ``flags``; a value starts with anything but ``-``."""
    repeated: list[str] = []
    current: str | None = None
    given = False
    for argument in arguments:
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            current, given = (name if name in flags else None), bool(equals)
        elif current is not None:
            if given:
                repeated.append(current)
            given = True
        repeated.append(argument)
    return repeated


def _fail(message: str, hint: str, code: ExitCode, detail: str = "") -> None:
    if detail:
        click.echo(detail, err=True)
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    sys.exit(code)
