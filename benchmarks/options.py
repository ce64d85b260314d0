"""What the benchmarks' commands share."""

import functools
import sys
from collections.abc import Callable

import click

from benchmarks.ours import ALIKE, YIELDING, Deployment
from capture.errors import bad_input


def deployment_options(shadow_cpu_shares: int) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Options for how our proxies are started; the command gets them as ``deployment``."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @click.option(
            "--env",
            multiple=True,
            metavar="NAME=VALUE",
            help="For our containers, e.g. CAPTURE_BUFSIZE=32768.",
        )
        @click.option(
            "--shadow-cpu-shares",
            default=shadow_cpu_shares,
            type=click.IntRange(YIELDING, 262144),
            help=f"Docker's --cpu-shares of the shadow proxy: {ALIKE} is what everybody else has, {YIELDING} leaves it what nobody else wants.",
        )
        @functools.wraps(command)
        def with_deployment(*, env: tuple[str, ...], shadow_cpu_shares: int, **options: object) -> int:
            environment = dict(assignment(text) for text in env)
            return command(deployment=Deployment(environment, shadow_cpu_shares), **options)

        return with_deployment

    return decorate


def assignment(text: str) -> tuple[str, str]:
    """NAME and VALUE of ``NAME=VALUE``.

    Raises:
        UserError: (exit code 2) it is none.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise bad_input(f"--env: '{text}' is not NAME=VALUE", "for example --env CAPTURE_BUFSIZE=32768")
    return name, value


def exit_on_signal(number: int, _frame: object) -> None:
    """A signal handler that ends the program through all its ``finally`` blocks."""
    sys.exit(128 + number)
